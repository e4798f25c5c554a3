"""A plan gives every layer a name and a precision, or says what stands in the way."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edgeseal.errors import ModelError, UsageError
from edgeseal.tflite.graph import Model, Tensor, new_operator
from edgeseal.tflite.quantization import (
    Activations,
    Precision,
    Recipe,
    Rule,
    WeightType,
    find_recipe,
    make_plan,
    named_operators,
    quantize,
)
from graphs import constant, model_of, run, value

DYNAMIC = Precision(WeightType.INT8, Activations.DYNAMIC)
FLOAT = Precision(WeightType.FLOAT32, Activations.FLOAT)
WIDE = Precision(WeightType.INT8, Activations.FLOAT)
RNG = np.random.default_rng(0)


def recipe(*rules: Rule) -> Recipe:
    return Recipe("mine", "for a test", rules)


def linear(source: Tensor, name: str, width: int = 8) -> tuple[Tensor, object]:
    weights = constant(f"{name}/w", RNG.normal(size=(width, source.shape[-1])).astype(np.float32))
    result = value(name, (1, width))
    layer = new_operator(
        "FULLY_CONNECTED", [source, weights, None], [result], fusedActivationFunction=0
    )
    return result, layer


def chain(*names: str) -> Model:
    """Layers with an ABS behind each."""
    x = value("x", (1, 8))
    operators, tensor = [], x
    for name in names:
        hidden, layer = linear(tensor, name)
        tensor = value(f"{name}/abs", (1, 8))
        operators += [layer, new_operator("ABS", [hidden], [tensor])]
    return model_of([x], [tensor], operators)


def transposed() -> Model:
    x, y = value("x", (1, 4, 4, 3)), value("up", (1, 8, 8, 5))
    weights = constant("w", RNG.normal(size=(5, 2, 2, 3)).astype(np.float32))
    layer = new_operator(
        "TRANSPOSE_CONV", [constant("shape", [1, 8, 8, 5]), weights, x], [y],
        padding=1, strideH=2, strideW=2,
    )  # fmt: skip
    return model_of([x], [y], [layer])


def test_names_are_unique_when_tensors_share_one() -> None:
    names = [entry.name for entry in named_operators(chain("a", "a", "b"))]
    assert names == ["a", "a:ABS", "a#2", "a:ABS#2", "b", "b:ABS"]


def test_last_rule_counts_when_several_match() -> None:
    plan = make_plan(chain("a", "b"), recipe(Rule(DYNAMIC), Rule(FLOAT, names=("b",))))
    assert {e.name: e.precision for e in plan.layers} == {"a": DYNAMIC, "b": FLOAT}


def test_operators_without_weights_match_when_a_rule_names_kinds() -> None:
    model = chain("a")
    plan = make_plan(model, recipe(Rule(DYNAMIC), Rule(WIDE, kinds=("A*",))))
    assert plan.precision(model.main.operators[1]) == WIDE
    assert make_plan(model, recipe(Rule(DYNAMIC))).precision(model.main.operators[1]) is None


def test_single_layers_change_when_they_are_addressed_by_name() -> None:
    mine = recipe(Rule(DYNAMIC)).with_layers({"a#2": FLOAT}, name="tuned")
    plan = make_plan(chain("a", "a", "a[1]"), mine)
    assert [e.precision for e in plan.layers] == [DYNAMIC, FLOAT, DYNAMIC]
    brackets = mine.with_layers({"a[1]": FLOAT}, name="tuned")
    assert make_plan(chain("a", "a", "a[1]"), brackets).layers[2].precision == FLOAT


def test_every_misfit_is_said_when_a_recipe_does_not_fit() -> None:
    mine = recipe(Rule(DYNAMIC, names=("block1",)), Rule(FLOAT, names=("blokc2",)))
    with pytest.raises(UsageError) as caught:
        make_plan(chain("block1", "block2"), mine)
    text = str(caught.value)
    assert "'block2' (FULLY_CONNECTED): no rule speaks of it" in text
    assert "rules[1] matches nothing ('blokc2'); names near it: 'block2'" in text


def test_nothing_is_wrong_when_an_optional_rule_matches_nothing() -> None:
    make_plan(chain("a"), recipe(Rule(DYNAMIC), Rule(FLOAT, names=("z",), optional=True)))


def test_layer_is_named_when_its_kernel_lacks_the_precision() -> None:
    with pytest.raises(
        UsageError, match=r"'up' \(TRANSPOSE_CONV\): no kernel .* activations float"
    ):
        make_plan(transposed(), recipe(Rule(DYNAMIC)))


STATIC = Precision(WeightType.INT8, Activations.INT8)


@pytest.mark.parametrize(
    ("precision", "said"),
    [
        (STATIC, "TRANSPOSE_CONV gets no fixed ranges"),
        (Precision(WeightType.INT4, Activations.INT8), "go with weights int8"),
    ],
)
def test_layer_is_named_when_nothing_gives_it_fixed_ranges(precision: Precision, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        make_plan(transposed(), recipe(Rule(precision)))


def test_layers_are_named_when_they_are_in_a_function_that_is_not_seen() -> None:
    model = chain("a")
    model.subgraphs.append(chain("b").main)
    (note,) = make_plan(model, recipe(Rule(STATIC))).notes
    assert note.startswith("b stays float32: it is in another function")
    assert make_plan(model, recipe(Rule(DYNAMIC))).notes == []


def test_exceptions_are_named_when_a_whole_graph_is_to_be_integers() -> None:
    mine = recipe(Rule(STATIC, kinds=("*",)), Rule(FLOAT, names=("b",)))
    with pytest.raises(UsageError, match=r"'b' .*every operator takes activations int8") as caught:
        make_plan(chain("a", "b"), mine)
    assert "'a" not in str(caught.value)
    layers = recipe(Rule(Precision(WeightType.INT8, Activations.INT16)))
    with pytest.raises(UsageError, match=r"'a:ABS' .*activations int16; this one gets none"):
        make_plan(chain("a"), layers)


@pytest.mark.parametrize(
    ("rule", "is_integer"), [(Rule(STATIC, kinds=("*",)), True), (Rule(STATIC), False)]
)
def test_plan_knows_when_no_float_is_left(rule: Rule, is_integer: bool) -> None:
    assert make_plan(chain("a"), recipe(rule)).is_integer == is_integer


def test_layer_is_named_when_its_weights_are_computed() -> None:
    x, y = value("x", (1, 8)), value("y", (1, 4))
    flat, weights = constant("flat", RNG.normal(size=32).astype(np.float32)), value("w", (4, 8))
    make = new_operator("RESHAPE", [flat, constant("shape", [4, 8])], [weights])
    layer = new_operator("FULLY_CONNECTED", [x, weights, None], [y], fusedActivationFunction=0)
    model = model_of([x], [y], [make, layer])
    with pytest.raises(ModelError, match=r"nothing to quantize: 'y': .* computed from constants"):
        make_plan(model, recipe(Rule(DYNAMIC)))
    quantize(model, recipe(Rule(FLOAT)))


def test_recurrent_layer_is_named_when_it_would_stay_float() -> None:
    x, y = value("x", (1, 4)), value("y", (1, 2))
    state = value("state", (1, 2))
    weights = [constant(n, np.ones(s, np.float32)) for n, s in (("w", (2, 4)), ("r", (2, 2)))]
    bias = constant("b", np.zeros(2, np.float32))
    cell = new_operator("RNN", [x, *weights, bias, state], [y], fusedActivationFunction=4)
    with pytest.raises(ModelError, match=r"nothing to quantize: 'y': it is recurrent"):
        make_plan(model_of([x, state], [y], [cell]), find_recipe("dynamic-int8"))


def test_weights_are_widened_when_no_kernel_takes_them_narrow() -> None:
    model, twin = transposed(), transposed()
    for mine, other in zip(model.main.operators, twin.main.operators, strict=True):
        other.inputs[1] = mine.inputs[1]
    x = RNG.normal(size=(1, 4, 4, 3)).astype(np.float32)
    (expected,) = run(twin, x)
    found = quantize(model, find_recipe("dynamic-int8"))
    (result,) = run(model, x)
    assert np.square(result - expected).mean() < 1e-4 * expected.var()
    assert [(layer.weights, layer.activations) for layer in found.layers] == [("INT8", "float")]


def test_shares_add_up_when_half_is_quantized() -> None:
    mine = replace(recipe(Rule(DYNAMIC), Rule(FLOAT, names=("b",))), name="half")
    found = quantize(chain("a", "b"), mine)
    assert {part.name: part.share for part in found.weights} == {"INT8": 0.5, "FLOAT32": 0.5}
    assert {part.name: part.share for part in found.macs} == {"INT8": 0.5, "float": 0.5}
    assert [layer.weight_bytes for layer in found.layers] == [64, 256]


def test_error_says_so_when_fixed_scales_need_pictures_and_there_are_none() -> None:
    static = recipe(Rule(Precision(WeightType.INT8, Activations.INT8)))
    with pytest.raises(UsageError, match="calibration needs pictures"):
        quantize(chain("a"), static)


def test_model_is_refused_when_its_weights_are_integers_already() -> None:
    model = chain("a")
    quantize(model, recipe(Rule(DYNAMIC)))
    with pytest.raises(ModelError, match="quantized already"):
        quantize(model, recipe(Rule(DYNAMIC)))
