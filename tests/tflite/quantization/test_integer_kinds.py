"""full-int8 and int16x8 on operators of other makers' models: near float, and all integer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from ai_edge_litert.schema_py_generated import TensorT

from edgeseal.tflite.calibration import Calibration, bundled_inputs
from edgeseal.tflite.graph import Model, Operator, Tensor, new_operator
from edgeseal.tflite.quantization import find_recipe, quantize
from graphs import constant, kinds, model_of, run, value

SIDE, CHANNELS = 8, 8
SHAPE = (1, SIDE, SIDE, CHANNELS)
NONE = {"fusedActivationFunction": 0}
WINDOW = {"padding": 0, "strideH": 2, "strideW": 2, "filterHeight": 2, "filterWidth": 2, **NONE}
ONE_AXIS = constant("axis", np.int32(3))

Part = tuple[list[Operator], Tensor]


def draw(*shape: int, size: float = 1.0, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, size, shape).astype(np.float32)


def conv(source: Tensor, result: Tensor) -> Operator:
    weights = draw(result.shape[3], 3, 3, source.shape[3], size=0.4)
    operands = [source, constant("w", weights), constant("b", draw(result.shape[3], size=0.2))]
    steps = {"strideH": 1, "strideW": 1, "dilationHFactor": 1, "dilationWFactor": 1}
    return new_operator("CONV_2D", operands, [result], padding=0, **steps, **NONE)


def plain(kind: str, *others: Any, shape: tuple[int, ...] = SHAPE, **options: Any) -> Any:
    """One operator on features."""

    def build(x: Tensor) -> Part:
        y = value("y", shape)
        return [new_operator(kind, [x, *others], [y], **options)], y

    return build


def transposed_convolution(x: Tensor) -> Part:
    y = value("y", (1, 2 * SIDE, 2 * SIDE, 4))
    operands = [
        constant("shape", list(y.shape)), constant("v", draw(4, 3, 3, CHANNELS, size=0.3)), x,
        constant("c", draw(4)),
    ]  # fmt: skip
    return [
        new_operator("TRANSPOSE_CONV", operands, [y], padding=0, strideH=2, strideW=2, **NONE)
    ], y


def mish(x: Tensor) -> Part:
    e, s, log, t, y = (value(name, SHAPE) for name in ("e", "s", "log", "t", "y"))
    return [
        new_operator("EXP", [x], [e]),
        new_operator("ADD", [e, constant("one", np.float32(1))], [s], **NONE),
        new_operator("LOG", [s], [log]),
        new_operator("TANH", [log], [t]),
        new_operator("MUL", [x, t], [y], **NONE),
    ], y


def guarded_mish(x: Tensor) -> Part:
    """As PyTorch's softplus is exported: x itself above 20."""
    is_large, softplus = value("large", SHAPE, "BOOL"), value("softplus", SHAPE)
    (exp, add, log, tanh, mul), y = mish(x)
    tanh.inputs[0] = softplus
    return [
        exp, add, log,
        new_operator("GREATER", [x, constant("twenty", np.float32(20))], [is_large]),
        new_operator("SELECT_V2", [is_large, x, log.outputs[0]], [softplus]),
        tanh, mul,
    ], y  # fmt: skip


def layer_norm(x: Tensor) -> Part:
    column = (1, SIDE, SIDE, 1)
    mean, power, variance, safe, root = (value(n, column) for n in ("m", "p", "v", "s", "r"))
    square, difference, y = (value(n, SHAPE) for n in ("q", "d", "y"))
    power.shape = SHAPE
    return [
        new_operator("MEAN", [x, ONE_AXIS], [mean], keepDims=True),
        new_operator("SQUARED_DIFFERENCE", [x, mean], [square]),
        new_operator("MEAN", [square, ONE_AXIS], [variance], keepDims=True),
        new_operator("ADD", [variance, constant("eps", np.float32(1e-5))], [safe], **NONE),
        new_operator("RSQRT", [safe], [root]),
        new_operator("SUB", [x, mean], [difference], **NONE),
        new_operator("MUL", [difference, root], [y], **NONE),
    ], y


def keras_norm(x: Tensor) -> Part:
    """Layer norm as Keras writes it: x * r + (beta - mean * r)."""
    (mean, square, average, add, root, *_), y = layer_norm(x)
    scaled, moved, rest = value("scaled", SHAPE), *(value(n, (1, SIDE, SIDE, 1)) for n in "mo")
    r, m = root.outputs[0], mean.outputs[0]
    return [
        mean, square, average, add, root,
        new_operator("MUL", [x, r], [scaled], **NONE),
        new_operator("MUL", [m, r], [moved], **NONE),
        new_operator("SUB", [constant("beta", np.float32(0.1)), moved], [rest], **NONE),
        new_operator("ADD", [scaled, rest], [y], **NONE),
    ], y  # fmt: skip


def split(x: Tensor) -> Part:
    first, second = (value(n, (1, SIDE, SIDE, CHANNELS // 2)) for n in ("first", "second"))
    y = value("y", first.shape)
    return [
        new_operator("SPLIT", [ONE_AXIS, x], [first, second], numSplits=2),
        new_operator("MUL", [first, second], [y], **NONE),
    ], y


def chosen(x: Tensor) -> Part:
    y, keep = value("y", SHAPE), constant("keep", np.arange(CHANNELS) % 2 == 0)
    return [new_operator("SELECT_V2", [keep, x, constant("no", np.float32(-1))], [y])], y


def softmax_over_rows(x: Tensor) -> Part:
    axis = constant("axis", [1])
    row = (1, 1, SIDE, CHANNELS)
    largest, total = value("largest", row), value("total", row)
    below, power, y = (value(n, SHAPE) for n in ("below", "power", "y"))
    idle = value("idle", row)
    return [
        new_operator("REDUCE_MAX", [x, axis], [largest], keepDims=True),
        new_operator("MAXIMUM", [largest, constant("bound", np.float32(-np.inf))], [idle]),
        new_operator("SUB", [x, idle], [below], **NONE),
        new_operator("EXP", [below], [power]),
        new_operator("SUM", [power, axis], [total], keepDims=True),
        new_operator("DIV", [power, total], [y], **NONE),
    ], y


def share_of_largest(x: Tensor) -> Part:
    """Divide by a value per place that is clamped to what is above 0."""
    column = (1, SIDE, SIDE, 1)
    largest, floor, y = value("largest", column), value("floor", column), value("y", SHAPE)
    return [
        new_operator("REDUCE_MAX", [x, ONE_AXIS], [largest], keepDims=True),
        new_operator("MAXIMUM", [largest, constant("least", np.float32(0.25))], [floor]),
        new_operator("DIV", [x, floor], [y], **NONE),
    ], y


def average_of_brightness(x: Tensor) -> Part:
    """The average around each pixel of the sum of all channels."""
    total, y = value("total", (1, SIDE, SIDE, 1)), value("y", (1, SIDE - 2, SIDE - 2, 1))
    around = {"padding": 1, "strideH": 1, "strideW": 1, "filterHeight": 3, "filterWidth": 3, **NONE}
    return [
        new_operator("SUM", [x, ONE_AXIS], [total], keepDims=True),
        new_operator("AVERAGE_POOL_2D", [total], [y], **around),
    ], y


PARTS: dict[str, Callable[[Tensor], Part]] = {
    "ABS": plain("ABS"),
    "HARD_SWISH": plain("HARD_SWISH"),
    "LEAKY_RELU": plain("LEAKY_RELU", alpha=0.1),
    "ELU": plain("ELU"),
    "PRELU": plain("PRELU", constant("slope", draw(1, 1, CHANNELS, size=0.3))),
    "RELU": plain("RELU"),
    "RELU6": plain("RELU6"),
    "GELU": plain("GELU", approximate=False),
    "Mish": mish,
    "guarded Mish": guarded_mish,
    "TRANSPOSE_CONV": transposed_convolution,
    "AVERAGE_POOL_2D": plain("AVERAGE_POOL_2D", shape=(1, 4, 4, CHANNELS), **WINDOW),
    "AVERAGE_POOL_2D of one channel": average_of_brightness,
    "MAX_POOL_2D": plain("MAX_POOL_2D", shape=(1, 4, 4, CHANNELS), **WINDOW),
    "LayerNorm": layer_norm,
    "Keras LayerNorm": keras_norm,
    "BROADCAST_TO": plain("BROADCAST_TO", constant("s", [2, *SHAPE[1:]]), shape=(2, *SHAPE[1:])),
    "TILE": plain("TILE", constant("s", [1, 2, 1, 1]), shape=(1, 16, SIDE, CHANNELS)),
    "MEAN of channels": plain("MEAN", ONE_AXIS, shape=(1, SIDE, SIDE, 1), keepDims=True),
    "SPLIT": split,
    "SELECT_V2": chosen,
    "softmax over rows": softmax_over_rows,
    "DEPTH_TO_SPACE": plain("DEPTH_TO_SPACE", shape=(1, 16, 16, 2), blockSize=2),
    "DIV": plain("DIV", constant("d", draw(CHANNELS, size=0.1) + 2), **NONE),
    "DIV by what is clamped": share_of_largest,
    "PADV2": plain(
        "PADV2", constant("p", [[0, 0], [1, 1], [1, 1], [0, 0]]), constant("v", np.float32(-1e9)),
        shape=(1, 10, 10, CHANNELS),
    ),
}  # fmt: skip
ONLY_INT8 = ("HARD_SWISH", "PRELU", "ELU", "DEPTH_TO_SPACE")


def model_with(part: str) -> Model:
    x, features = value("x", (1, SIDE, SIDE, 3)), value("features", SHAPE)
    operators, y = PARTS[part](features)
    return model_of([x], [y], [conv(x, features), *operators])


def measured(part: str, recipe: str) -> tuple[Model, float, tuple[str, ...]]:
    model = model_with(part)
    inputs = bundled_inputs(views=1)
    pictures = [inputs.arrays(index, model)[0] for index in range(4)]
    notes = quantize(model, find_recipe(recipe), calibration=Calibration.on(model, inputs)).notes
    got, want = (
        np.stack([run(m, picture)[0] for picture in pictures]) for m in (model, model_with(part))
    )
    at = np.abs(want) < 1e6  # not what was padded with
    return model, float(np.square(got[at] - want[at]).mean() / want[at].var()), notes


@pytest.mark.parametrize("part", PARTS)
def test_every_operator_is_an_integer_one_when_full_int8_is_asked_for(part: str) -> None:
    model, error, notes = measured(part, "full-int8")
    assert error < 2e-3
    floats = [t for t in model.main.tensors() if t.dtype == "FLOAT32"]
    assert set(floats) == {*model.main.inputs, *model.main.outputs}
    assert not any("stay float32" in note for note in notes)


@pytest.mark.parametrize("part", PARTS)
def test_result_is_closer_when_activations_have_16_bits(part: str) -> None:
    _, error, notes = measured(part, "int16x8")
    assert error < 5e-4
    assert any("stay float32" in note for note in notes) == (part in ONLY_INT8)


def test_pooling_is_a_convolution_when_npus_refuse_it() -> None:
    model, _, _ = measured("AVERAGE_POOL_2D of one channel", "int16x8")
    assert "AVERAGE_POOL_2D" not in kinds(model)


def test_mean_is_a_layer_when_npus_get_it_wrong() -> None:
    model, _, _ = measured("MEAN of channels", "full-int8")
    assert "MEAN" not in kinds(model)


def test_step_is_not_spent_on_what_a_relu_cuts_off() -> None:
    model, _, _ = measured("RELU", "full-int8")
    assert "RELU" not in kinds(model)


@pytest.mark.parametrize("recipe", ["full-int8", "int16x8"])
def test_operator_stays_float_when_integers_have_none(recipe: str) -> None:
    PARTS["COS"] = plain("COS")
    try:
        model, error, notes = measured("COS", recipe)
    finally:
        del PARTS["COS"]
    assert error < 2e-3
    assert [note for note in notes if "1 x COS stay float32" in note]
    assert kinds(model).count("COS") == 1


def boxes_and_scores(x: Tensor) -> Part:
    """Boxes up to some hundred pixels and scores in 0..1, joined along the channels."""
    pixels, scores, y = value("pixels", SHAPE), value("scores", SHAPE), value("y", SHAPE)
    y.shape = (1, SIDE, SIDE, 2 * CHANNELS)
    return [
        new_operator("MUL", [x, constant("stride", np.float32(64))], [pixels], **NONE),
        new_operator("LOGISTIC", [x], [scores]),
        new_operator("CONCATENATION", [pixels, scores], [y], axis=3, **NONE),
    ], y


@pytest.mark.parametrize("recipe", ["full-int8", "int16x8"])
def test_small_part_of_an_output_keeps_its_steps_when_a_large_one_is_beside_it(recipe: str) -> None:
    inputs = bundled_inputs(views=1)
    x, features = value("x", (1, SIDE, SIDE, 3)), value("features", SHAPE)

    def built() -> Model:
        operators, y = boxes_and_scores(features)
        return model_of([x], [y], [conv(x, features), *operators])

    model = built()
    pictures = [inputs.arrays(index, model)[0] for index in range(4)]
    notes = quantize(model, find_recipe(recipe), calibration=Calibration.on(model, inputs)).notes
    got, want = (np.stack([run(m, p)[0] for p in pictures]) for m in (model, built()))
    for part in (slice(0, CHANNELS), slice(CHANNELS, None)):
        error = np.square(got[..., part] - want[..., part]).mean() / want[..., part].var()
        assert error < 1e-3
    if recipe == "full-int8":
        assert any("joins values of up to" in note for note in notes)


def lstm(x: Tensor) -> Part:
    """An LSTM of four cells over eight steps."""
    steps, y = value("steps", (1, SIDE, SIDE * CHANNELS)), value("y", (1, SIDE, 4))
    names = "ifco"
    weights = [constant(f"w{n}", draw(4, SIDE * CHANNELS, size=0.1, seed=7)) for n in names]
    recurrent = [constant(f"r{n}", draw(4, 4, size=0.3, seed=8)) for n in names]
    biases = [constant(f"b{n}", draw(4, size=0.1)) for n in names]
    states = [value(name, (1, 4)) for name in ("output_state", "cell_state")]
    for state in states:
        state.raw = TensorT()
        state.raw.isVariable = True
    operands = [
        steps, *weights, *recurrent, None, None, None, *biases, None, None, *states,
        None, None, None, None,
    ]  # fmt: skip
    options = {"cellClip": 0.0, "projClip": 0.0, "timeMajor": False, "fusedActivationFunction": 4}
    return [
        new_operator("RESHAPE", [x, constant("s", [1, SIDE, SIDE * CHANNELS])], [steps]),
        new_operator("UNIDIRECTIONAL_SEQUENCE_LSTM", operands, [y], **options),
    ], y


@pytest.mark.parametrize("recipe", ["dynamic-int8", "float16", "hybrid-int8", "full-int8"])
def test_recurrent_layer_stays_float_when_the_rest_is_quantized(recipe: str) -> None:
    PARTS["LSTM"] = lstm
    try:
        model, error, notes = measured("LSTM", recipe)
    finally:
        del PARTS["LSTM"]
    assert error < 2e-3
    assert "UNIDIRECTIONAL_SEQUENCE_LSTM" in kinds(model)
    assert any("stays float32: it is recurrent" in note for note in notes)
    assert any(t.dtype in ("INT8", "FLOAT16") for t in model.main.tensors() if t.is_constant)
