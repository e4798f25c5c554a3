"""Recipes of any fields survive JSON; each field that is wrong is named with what it has to be."""

from __future__ import annotations

import dataclasses
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeseal.errors import UsageError
from edgeseal.tflite.calibration import Method
from edgeseal.tflite.quantization import (
    Activations,
    Methods,
    Place,
    Precision,
    Recipe,
    Rounding,
    Rule,
    WeightType,
    find_recipe,
    recipe_from_json,
    recipe_to_json,
)

DYNAMIC = find_recipe("dynamic-int8")
FLOATS = (WeightType.FLOAT32, WeightType.FLOAT16)
PRECISIONS = [
    Precision(weights, activations)
    for weights in WeightType
    for activations in Activations
    if weights not in FLOATS or activations is Activations.FLOAT
]
TEXTS = st.text(min_size=1, max_size=12).filter(str.strip)
SHARES = st.floats(0.01, 0.99)
RULES = st.builds(
    Rule,
    precision=st.sampled_from(PRECISIONS),
    kinds=st.lists(TEXTS, max_size=2).map(tuple),
    names=st.lists(TEXTS, max_size=2).map(tuple),
    optional=st.booleans(),
    places=st.lists(st.sampled_from(Place), max_size=2).map(tuple),
)
METHODS = st.builds(
    Methods,
    input_terms=st.sampled_from([1, 2]), split_diagonals=st.booleans(), fast_floats=st.booleans(),
    half_constants=st.booleans(), equalize=st.booleans(), ranges=st.sampled_from(Method),
    correct_bias=st.booleans(), rounding=st.sampled_from(Rounding), damping=SHARES,
    int4_spared=st.floats(0, 1),
)  # fmt: skip
RECIPES = st.builds(
    Recipe,
    name=st.from_regex(r"[a-z0-9][a-z0-9._-]{0,10}", fullmatch=True),
    summary=TEXTS,
    rules=st.lists(RULES, min_size=1, max_size=3).map(tuple),
    methods=METHODS,
)


@given(RECIPES)
@settings(max_examples=30)
def test_recipe_comes_back_when_it_is_of_any_fields(recipe: Recipe) -> None:
    text = recipe_to_json(recipe)
    assert recipe_from_json(text) == recipe
    assert recipe_from_json(text.encode()) == recipe
    assert recipe_to_json(recipe_from_json(text)) == text


def changed(path: tuple[str | int, ...], value: object) -> str:
    record = json.loads(recipe_to_json(DYNAMIC))
    place = record
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return json.dumps(record)


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("name",), None, "name must be a text, got nothing"),
        (("name",), "  ", 'name must be a text, got "  "'),
        (("name",), ".hidden", "name becomes part of file names"),
        (("name",), "a/b", "name becomes part of file names"),
        (("name",), "größe", "name becomes part of file names"),
        (("summary",), 3, "summary must be a text, got 3"),
        (("rules",), [], r"rules must be a list of one rule or more, got \[\]"),
        (("rules",), {"a": 1}, "rules must be a list of one rule or more, got {"),
        (("rules", 0), "all", r'rules\[0\] must be an object, got "all"'),
        (("rules", 0, "weights"), "int3", r"rules\[0\].weights must be one of float32, float16"),
        (("rules", 0, "weights"), None, r"rules\[0\].weights must be .*; got nothing"),
        (("rules", 0, "activations"), ["int8"], r"rules\[0\].activations must be one of float, dy"),
        (("rules", 0, "kinds"), "CONV_2D", r"rules\[0\].kinds must be a list of patterns"),
        (("rules", 0, "names"), ["a", ""], r"rules\[0\].names must be a list of patterns"),
        (("rules", 0, "places"), "input", r"rules\[0\].places must be a list of places"),
        (("rules", 0, "places"), ["middle"], r"rules\[0\].places\[0\] must be one of inp"),
        (("rules", 0, "optional"), 1, r"rules\[0\].optional must be true or false, got 1"),
        (("rules", 0, "color"), 1, r"rules\[0\].color is no field of a recipe; known there: weig"),
        (("methods",), [], r"methods must be an object, got \[\]"),
        (("methods", "equalize"), 1, "methods.equalize must be true or false, got 1"),
        (("methods", "input_terms"), 1.5, "methods.input_terms must be an integer, got 1.5"),
        (("methods", "input_terms"), 3, "methods.input_terms must be 1 or 2, got 3"),
        (("methods", "damping"), False, "methods.damping must be a number, got false"),
        (("methods", "damping"), 1, "methods.damping must lie between 0 and 1, got 1"),
        (("methods", "int4_spared"), -1, "methods.int4_spared must lie between 0 and 1, got -1"),
        (("methods", "ranges"), "median", "methods.ranges must be one of min-max, moving-average"),
        (("methods", "rounding"), 3, "methods.rounding must be one of nearest, gptq; got 3"),
        (("schema_version",), True, "schema_version True, expected 1"),
        (("schema_version",), 2, "schema_version 2, expected 1"),
        (("extra",), "x" * 90, "extra is no field of a recipe; known there: schema_version"),
    ],
)  # fmt: skip
def test_field_is_named_when_it_is_wrong(
    path: tuple[str | int, ...], value: object, words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        recipe_from_json(changed(path, value))


@pytest.mark.parametrize("text", ["", "{", "nul", b"\xff\xfe", "[" * 100_000])
def test_text_is_refused_when_it_is_no_json(text: str | bytes) -> None:
    with pytest.raises(UsageError, match="the recipe is no JSON: "):
        recipe_from_json(text)


@pytest.mark.parametrize("text", ["3", "[]", '"x"', "null"])
def test_text_is_refused_when_it_is_no_object(text: str) -> None:
    with pytest.raises(UsageError, match="the recipe must be a JSON object, got "):
        recipe_from_json(text)


def test_long_values_are_cut_short_when_named() -> None:
    with pytest.raises(UsageError) as caught:
        recipe_from_json(changed(("summary",), list(range(1000))))
    assert "..." in str(caught.value) and len(str(caught.value)) < 200


@pytest.mark.parametrize("weights", FLOATS)
@pytest.mark.parametrize("activations", [a for a in Activations if a is not Activations.FLOAT])
def test_precision_is_refused_when_no_kernel_knows_it(
    weights: WeightType, activations: Activations
) -> None:
    with pytest.raises(UsageError, match=f"weights {weights.value} go with activations 'float'"):
        Precision(weights, activations)


@pytest.mark.parametrize("precision", PRECISIONS, ids=str)
def test_recipe_asks_for_calibration_when_something_is_fixed(precision: Precision) -> None:
    recipe = Recipe("x", "y", (Rule(precision),))
    assert recipe.needs_calibration is precision.is_static
    assert recipe.uses_calibration is precision.is_static
    assert recipe.is_float32 is (precision.weights is WeightType.FLOAT32)
    learned = dataclasses.replace(recipe, methods=Methods(rounding=Rounding.GPTQ))
    assert learned.uses_calibration
    assert learned.needs_calibration is (
        precision.is_static or precision.weights is WeightType.INT4
    )
    corrected = dataclasses.replace(recipe, methods=Methods(correct_bias=True))
    assert corrected.needs_calibration
    equalized = dataclasses.replace(recipe, methods=Methods(equalize=True))
    assert equalized.uses_calibration and equalized.needs_calibration is precision.is_static


def test_exceptions_come_last_when_layers_are_named() -> None:
    int4, half = PRECISIONS[-1], Precision(WeightType.FLOAT16, Activations.FLOAT)
    recipe = DYNAMIC.with_layers({"a[0].*": int4, "b": half, "c?": int4}, name="mixed")
    assert recipe.name == "mixed"
    assert recipe.rules[: len(DYNAMIC.rules)] == DYNAMIC.rules
    added = recipe.rules[len(DYNAMIC.rules) :]
    # names are taken as they are: patterns in them are escaped
    assert [(rule.precision, rule.names) for rule in added] == [
        (int4, ("a[[]0].[*]", "c[?]")), (half, ("b",))
    ]  # fmt: skip
    assert DYNAMIC.with_layers({}, name="same").rules == DYNAMIC.rules
