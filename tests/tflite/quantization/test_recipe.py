"""Recipes are data: they survive JSON, and say all that is wrong with them at once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgeseal.errors import FileError, UsageError
from edgeseal.tflite.quantization import (
    Activations,
    Methods,
    Precision,
    Recipe,
    Rounding,
    Rule,
    WeightType,
    find_recipe,
    read_recipe,
    recipe_from_json,
    recipe_names,
    recipe_to_json,
)

DYNAMIC = Precision(WeightType.INT8, Activations.DYNAMIC)
MINE = Recipe(
    "mine",
    "for a test",
    (Rule(DYNAMIC), Rule(Precision(WeightType.FLOAT16, Activations.FLOAT), ("CONV_*",), ("a.*",))),
    Methods(input_terms=2, rounding=Rounding.GPTQ, damping=0.5),
)


def record(**changes: object) -> str:
    return json.dumps({**json.loads(recipe_to_json(MINE)), **changes})


@pytest.mark.parametrize("recipe", [MINE, *map(find_recipe, recipe_names())], ids=lambda r: r.name)
def test_recipe_is_the_same_when_it_went_through_json(recipe: Recipe) -> None:
    assert recipe_from_json(recipe_to_json(recipe)) == recipe


def test_methods_are_defaults_when_the_file_leaves_them_out() -> None:
    text = json.dumps({k: v for k, v in json.loads(recipe_to_json(MINE)).items() if k != "methods"})
    assert recipe_from_json(text).methods == Methods()


def test_every_problem_is_said_when_several_fields_are_wrong() -> None:
    rules = [
        {"weights": "int7", "activations": "dynamic"},
        {"weights": "int8", "activations": "dynamic", "layer": "x"},
        {"weights": "float16", "activations": "int8"},
        {"weights": "int8", "activations": "float", "names": "a.*", "optional": 1},
        7,
    ]
    methods = {"input_terms": True, "rounding": "best", "damping": "much", "magic": 1}
    with pytest.raises(UsageError) as caught:
        recipe_from_json(record(rules=rules, methods=methods, name="../x", extra=1, summary=""))
    text = str(caught.value)
    for problem in (
        "extra is no field", "name becomes part of file names", "summary must be a text",
        "rules[0].weights must be one of float32, float16, int8, int4; got \"int7\"",
        "rules[1].layer is no field", "rules[2]: weights float16 go with activations 'float'",
        "rules[3].names must be a list", "rules[3].optional", "rules[4] must be an object",
        "methods.input_terms must be an integer, got true", "methods.rounding must be one of",
        "methods.damping must be a number", "methods.magic is no field",
    ):  # fmt: skip
        assert problem in text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{", "is no JSON"),
        ("[]", "must be a JSON object"),
        (record(schema_version=2), "schema_version 2, expected 1"),
        (record(rules=[]), "one rule or more, got []"),
        (record(methods={"damping": 0}), "methods.damping must lie between 0 and 1"),
        (record(methods={"input_terms": 3}), "methods.input_terms must be 1 or 2"),
    ],
)
def test_recipe_is_refused_when_it_cannot_be_used(text: str, expected: str) -> None:
    with pytest.raises(UsageError) as caught:
        recipe_from_json(text)
    assert expected in str(caught.value)


def test_file_is_named_when_its_recipe_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    with pytest.raises(FileError, match="cannot be read"):
        find_recipe(str(path))
    path.write_text(recipe_to_json(MINE))
    assert find_recipe(str(path)) == MINE
    path.write_text("hello")
    with pytest.raises(UsageError, match=r"mine\.json: the recipe is no JSON"):
        read_recipe(path)


def test_name_is_refused_when_a_built_in_recipe_has_it(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_text(record(name="dynamic-int8"))
    with pytest.raises(UsageError, match="is that of a built-in recipe"):
        read_recipe(path)
    path.write_text(recipe_to_json(find_recipe("dynamic-int8")))
    assert read_recipe(path) == find_recipe("dynamic-int8")


def test_usage_error_suggests_name_when_recipe_is_unknown() -> None:
    with pytest.raises(UsageError, match="did you mean dynamic-int8"):
        find_recipe("dynamic-int")


def test_static_recipes_need_calibration() -> None:
    static = Recipe("s", "s", (Rule(Precision(WeightType.INT8, Activations.INT8)),))
    assert static.needs_calibration
    assert not MINE.needs_calibration
