"""For every code a model that shows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edgeseal.tflite.diagnosis import Samples
from edgeseal.tflite.graph import (
    Buffer,
    Model,
    Operator,
    Quantization,
    Signature,
    Subgraph,
    Tensor,
    new_operator,
)
from graphs import constant, model_of, value

FIXTURES: dict[str, Fixture] = {}


@dataclass(frozen=True)
class Fixture:
    """A model that shows a finding.

    Attributes:
        build: makes it.
        kinds: the operators that the finding names, in order.
        samples: what to run it on.
        timeout_s: longest time for a trial.
        also: other codes of level error that come with it.
    """

    build: Callable[[], Model]
    kinds: tuple[str, ...] = ()
    samples: tuple[Samples, ...] = ({},)
    timeout_s: float = 60.0
    also: frozenset[str] = frozenset()


def model(inputs: list[Tensor], outputs: list[Tensor], *operators: Operator) -> Model:
    return model_of(inputs, outputs, list(operators))


def operator(kind: str, inputs: list[Tensor | None], output: Tensor, **options: object) -> Operator:
    return new_operator(kind, inputs, [output], **options)


def shows(
    code: str,
    *kinds: str,
    samples: tuple[Samples, ...] = ({},),
    timeout_s: float = 60.0,
    also: str = "",
) -> Callable[[Callable[[], Model]], Callable[[], Model]]:
    """Register a function that builds a fixture."""

    def register(build: Callable[[], Model]) -> Callable[[], Model]:
        FIXTURES[code] = Fixture(build, kinds, samples, timeout_s, frozenset(also.split()))
        return build

    return register


@shows("ES001", "RESHAPE")
def reshape_to_another_count() -> Model:
    x, y = value("x", [2, 3]), value("y", [4])
    return model([x], [y], operator("RESHAPE", [x, constant("shape", [4])], y, newShape=[4]))


@shows("ES002", "GATHER", samples=({"indices": np.array([7], np.int32)},))
def gather_beyond_the_end() -> Model:
    table, indices, y = (
        constant("table", [1.0, 2.0]),
        value("indices", [1], "INT32"),
        value("y", [1]),
    )
    return model([indices], [y], operator("GATHER", [table, indices], y, axis=0))


@shows("ES018", "GATHER")
def gather_of_made_up_indices() -> Model:
    table, indices = constant("table", [1.0]), value("indices", [64], "INT32")
    y = value("y", [64])
    return model([indices], [y], operator("GATHER", [table, indices], y, axis=0))


@shows("ES003", "IF")
def function_that_calls_itself() -> Model:
    x, y = value("x", [1]), value("y", [1])
    condition = value("condition", [], "BOOL")
    built = model([condition, x], [y])
    again = [condition, condition, x]
    built.main.operators.append(new_operator("IF", again, [y], subgraphs=[built.main] * 2))
    return built


@shows("ES004", "WHILE", timeout_s=2.0)
def loop_without_end() -> Model:
    x, y = value("x", [1]), value("y", [1])
    a, always = value("a", [1]), value("always", [1], "BOOL")
    condition = Subgraph("condition", [a], [always], [operator("EQUAL", [a, a], always)])
    b, c = value("b", [1]), value("c", [1])
    body = Subgraph("body", [b], [c], [operator("ABS", [b], c)])
    loop = new_operator("WHILE", [x], [y], subgraphs=[condition, body])
    built = model([x], [y], loop)
    built.subgraphs += [condition, body]
    return built


@shows("ES005", "FrobnicateOp")
def custom_operator() -> Model:
    x, y = value("x", [1]), value("y", [1])
    return model([x], [y], Operator("FrobnicateOp", [x], [y], is_custom=True))


@shows("ES006", "ADD")
def operator_from_the_future() -> Model:
    x, y = value("x", [1]), value("y", [1])
    add = operator("ADD", [x, x], y, fusedActivationFunction=0)
    add.state_version(99)
    return model([x], [y], add)


@shows("ES007")
def tensor_too_large_to_count() -> Model:
    x, y = value("x", [1]), value("y", [1])
    built = model([x], [y], operator("ABS", [x], y))
    huge = 2**31 - 1
    built.main.extra_tensors.append(value("unused", [huge, huge, huge, 8]))
    return built


@shows("ES008", "ABS", also="ES007")
def tensors_of_terabytes() -> Model:
    x, y = value("x", [1000, 1000, 1000, 1000]), value("y", [1000, 1000, 1000, 1000])
    return model([x], [y], operator("ABS", [x], y))


@shows("ES009", "RESHAPE")
def second_signature_that_fails() -> Model:
    x, y = value("x", [1]), value("y", [1])
    built = model([x], [y], operator("ABS", [x], y))
    broken = reshape_to_another_count().main
    built.subgraphs.append(broken)
    ends = {"x": broken.inputs[0]}, {"y": broken.outputs[0]}
    built.signatures.append(Signature("second", broken, *ends))
    return built


@shows("ES010", "BATCH_MATMUL")
def int8_constant_left_of_matmul() -> Model:
    weights = np.arange(12, dtype=np.int8).reshape(1, 3, 4)
    left = constant("table", weights, scale=0.01)
    x, y = value("x", [1, 4, 2]), value("y", [1, 3, 2])
    return model([x], [y], operator("BATCH_MATMUL", [left, x], y, adjX=False, adjY=False))


@shows("ES011", "SUB")
def int16_difference_with_pot_scale() -> Model:
    a = value("a", [4], "INT16", scale=2**-8)
    b = value("b", [4], "INT16", scale=2**-8)
    y = value("y", [4], "INT16", scale=2**-9)
    subtract = operator("SUB", [a, b], y, potScaleInt16=True, fusedActivationFunction=0)
    return model([a, b], [y], subtract)


@shows("ES012", "DIV")
def quantized_divisor_of_zero() -> Model:
    x = value("x", [64])
    stored = value("stored", [64], "INT8", scale=10.0)  # LiteRT 2.1 looks for stored zeros
    y = value("y", [64], "INT8", scale=0.1, zero=-128)
    divide = operator("DIV", [stored, stored], y, fusedActivationFunction=0)
    return model([x], [y], operator("QUANTIZE", [x], stored), divide)


@shows("ES013", "MUL")
def int8_times_float() -> Model:
    factor = constant("factor", np.array([1, 2, 3, 4], np.int8), scale=0.1)
    x, y = value("x", [4]), value("y", [4])
    return model([x], [y], operator("MUL", [x, factor], y, fusedActivationFunction=0))


@shows("ES014", "CONV_2D")
def convolution_without_scale() -> Model:
    x = value("x", [1, 4, 4, 1], "INT8", scale=0.1)
    kernel = constant("kernel", np.ones((1, 1, 1, 1), np.int8))
    bias = constant("bias", np.zeros(1, np.int32))
    y = value("y", [1, 4, 4, 1], "INT8", scale=0.1)
    return model([x], [y], _convolution(x, kernel, bias, y))


@shows("ES015")
def zero_point_outside_its_type() -> Model:
    x = value("x", [4], "INT16", scale=0.1, zero=40_000)
    y = value("y", [2, 2], "INT16", scale=0.1, zero=40_000)
    return model([x], [y], operator("RESHAPE", [x, constant("shape", [2, 2])], y, newShape=[2, 2]))


@shows("ES035", also="ES001")
def scales_of_other_channels() -> Model:
    x = value("x", [4], "INT16", scale=0.1)
    y = value("y", [2, 2], "INT16", scale=0.1)
    x.quantization = Quantization(np.full(3, 0.1, np.float32), np.zeros(3, np.int64))
    return model([x], [y], operator("RESHAPE", [x, constant("shape", [2, 2])], y, newShape=[2, 2]))


@shows("ES016", "RESHAPE")
def reshape_that_changes_the_scale() -> Model:
    x = value("x", [4], "INT8", scale=0.1)
    y = value("y", [2, 2], "INT8", scale=0.2)
    return model([x], [y], operator("RESHAPE", [x, constant("shape", [2, 2])], y, newShape=[2, 2]))


@shows("ES017", "SQRT")
def root_of_negative_numbers() -> Model:
    x, negative, y = value("x", [4]), value("negative", [4]), value("y", [4])
    subtract = operator("SUB", [x, constant("two", [2.0])], negative, fusedActivationFunction=0)
    return model([x], [y], subtract, operator("SQRT", [negative], y))


@shows("ES019", "CONV_2D")
def bias_with_the_axis_of_its_weights() -> Model:
    x = value("x", [1, 4, 4, 1], "INT8", scale=0.1)
    kernel = constant("kernel", np.ones((2, 1, 1, 1), np.int8), scale=[0.1, 0.2])
    bias = constant("bias", np.zeros(2, np.int32), scale=[0.01, 0.02], axis=3)
    y = value("y", [1, 4, 4, 2], "INT8", scale=0.1)
    return model([x], [y], _convolution(x, kernel, bias, y))


@shows("ES020", "CUMSUM")
def sum_outside_the_delegate() -> Model:
    x, y = value("x", [4]), value("y", [4])
    cumulate = operator("CUMSUM", [x, constant("axis", np.array(0, np.int32))], y, exclusive=False)
    return model([x], [y], cumulate)


@shows("ES021", "COS")
def float_cosine_between_integers() -> Model:
    x = value("x", [4], "INT8", scale=0.1)
    a, b = value("a", [4]), value("b", [4])
    y = value("y", [4], "INT8", scale=0.1)
    return model(
        [x],
        [y],
        operator("DEQUANTIZE", [x], a),
        operator("COS", [a], b),
        operator("QUANTIZE", [b], y),
    )


@shows("ES022", "RESHAPE", "TRANSPOSE", "RESHAPE")
def window_partition() -> Model:
    x = value("x", [1, 4, 4, 8])
    windows, moved = value("windows", [1, 2, 2, 2, 2, 8]), value("moved", [1, 2, 2, 2, 2, 8])
    y = value("y", [4, 2, 2, 8])
    split = constant("split", list(windows.shape))
    return model(
        [x],
        [y],
        operator("RESHAPE", [x, split], windows, newShape=list(windows.shape)),
        operator("TRANSPOSE", [windows, constant("order", [0, 1, 3, 2, 4, 5])], moved),
        operator("RESHAPE", [moved, constant("merge", list(y.shape))], y, newShape=list(y.shape)),
    )


@shows("ES023", "NEG")
def batch_of_unknown_size() -> Model:
    x, y = value("x", [1, 4]), value("y", [1, 4])
    for tensor in (x, y):
        tensor.raw = schema.TensorT(shapeSignature=[-1, 4], hasRank=True)
    return model([x], [y], operator("NEG", [x], y))


@shows("ES024", "BROADCAST_TO")
def broadcast_before_an_addition() -> Model:
    x, row = value("x", [2, 3]), value("row", [1, 3])
    wide, y = value("wide", [2, 3]), value("y", [2, 3])
    return model(
        [x, row],
        [y],
        operator("BROADCAST_TO", [row, constant("shape", [2, 3])], wide),
        operator("ADD", [x, wide], y, fusedActivationFunction=0),
    )


@shows("ES025", "QUANTIZE")
def there_and_back_again() -> Model:
    x = value("x", [4], "INT8", scale=0.1)
    middle, back = value("middle", [4]), value("back", [4], "INT8", scale=0.1)
    y = value("y", [4], "INT8", scale=0.1)
    return model(
        [x],
        [y],
        operator("DEQUANTIZE", [x], middle),
        operator("QUANTIZE", [middle], back),
        operator("RESHAPE", [back, constant("shape", [4])], y, newShape=[4]),
    )


@shows("ES026", "ABS")
def result_that_nobody_reads() -> Model:
    x, unused, y = value("x", [4]), value("unused", [4]), value("y", [4])
    return model([x], [y], operator("ABS", [x], unused), operator("NEG", [x], y))


@shows("ES027")
def tensor_that_nobody_mentions() -> Model:
    built = _plain()
    built.main.extra_tensors.append(constant("forgotten", [1.0, 2.0]))
    return built


@shows("ES028")
def buffer_that_nobody_uses() -> Model:
    built = _plain()
    built.extra_buffers.append(Buffer(np.ones(1000, np.uint8)))
    return built


@shows("ES029", "BATCH_MATMUL")
def product_with_a_scale_per_channel() -> Model:
    table = constant(
        "table", np.full((1, 4, 8), 100, np.int8), scale=[0.1 * 4**i for i in range(8)], axis=2
    )
    x = value("x", [1, 8, 2])
    stored = value("stored", [1, 8, 2], "INT8", 1 / 255, -128)
    y = value("y", [1, 4, 2], "INT8", 3000.0, -128)
    product = operator("BATCH_MATMUL", [table, stored], y, adjX=False, adjY=False)
    return model([x], [y], operator("QUANTIZE", [x], stored), product)


@shows("ES030", "DEQUANTIZE")
def later_version() -> Model:
    x, y = value("x", [1, 4], "INT8", 0.1), value("y", [1, 4])
    widen = operator("DEQUANTIZE", [x], y)
    widen.state_version(5)  # of a scale per channel
    return model([x], [y], widen)


@shows("ES031", "DEQUANTIZE")
def earlier_version() -> Model:
    x, y = value("x", [1, 4], "INT8", 0.1), value("y", [1, 4])
    widen = operator("DEQUANTIZE", [x], y)
    widen.state_version(1)
    return model([x], [y], widen)


@shows("ES033", "CONCATENATION")
def scores_beside_boxes() -> Model:
    boxes, scores = value("boxes", [1, 4], "INT8", 0.4), value("scores", [1, 4], "INT8", 1 / 256)
    coarse, y = value("coarse", [1, 4], "INT8", 0.4), value("y", [1, 8], "INT8", 0.4)
    joined = operator("CONCATENATION", [boxes, coarse], y, axis=1, fusedActivationFunction=0)
    return model([boxes, scores], [y], operator("QUANTIZE", [scores], coarse), joined)


@shows("ES034")
def sizes_that_are_placeholders() -> Model:
    built = _plain()
    for tensor in (*built.main.inputs, *built.main.outputs):
        tensor.shape = (1, 1)
        tensor.raw = schema.TensorT()
        tensor.raw.shapeSignature = [-1, -1]
    return built


def _plain() -> Model:
    x, y = value("x", [4]), value("y", [4])
    return model([x], [y], operator("NEG", [x], y))


def _convolution(x, kernel, bias, y):  # type: ignore[no-untyped-def]
    return operator(
        "CONV_2D", [x, kernel, bias], y, padding=1, strideW=1, strideH=1,
        dilationWFactor=1, dilationHFactor=1, fusedActivationFunction=0,
    )  # fmt: skip
