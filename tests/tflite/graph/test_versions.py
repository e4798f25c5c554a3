"""Versions of operators: derived from types, shapes and options, by the stock converter's rule."""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from litert_converter import converter_api_ext, model_utils_ext
from litert_converter.mlir import ir

from edgeseal._native import native_output_held_back
from edgeseal.tflite.graph import (
    Buffer,
    Model,
    Operator,
    Quantization,
    Tensor,
    deserialize,
    new_operator,
    read_model,
    serialize,
)
from graphs import constant, model_of, value
from naive import naive_dynamic, naive_float, naive_int16

PLAIN = {"fusedActivationFunction": 0}
WINDOW = {"padding": 1, "strideW": 1, "strideH": 1}
ROUND = [0.1, 0.2, 0.3]
Case = Callable[[str], Operator]


@functools.cache
def mlir_context() -> ir.Context:
    context = ir.Context()
    converter_api_ext.prepare_mlir_context(context)
    return context


def exported(model: Model) -> Model:
    """Return a model as the stock converter writes it, which raises versions by its own rule."""
    with native_output_held_back(stdout=False, show_on_failure=True):
        module = model_utils_ext.flatbuffer_to_mlir(bytes(serialize(model)), mlir_context())
        data = converter_api_ext.export_flatbuffer_to_bytes(module.operation)
    return deserialize(data)


def highest(model: Model) -> dict[str, int]:
    """Return the highest version of each kind: what one code for all of a kind needs."""
    found: defaultdict[str, int] = defaultdict(int)
    for operator in model.operators():
        found[operator.kind] = max(found[operator.kind], operator.version)
    return dict(found)


def of(dtype: str, shape: Sequence[int] = (1, 3), name: str = "x", scale: float = 0.5) -> Tensor:
    quantized = dtype in ("INT8", "INT16", "UINT8")
    return value(name, shape, dtype, scale if quantized else None)


def unary(kind: str, shape: Sequence[int] = (1, 3), **options: Any) -> Case:
    def build(dtype: str) -> Operator:
        result = of(dtype, shape, "y", {"TANH": 1 / 128, "LOGISTIC": 1 / 256}.get(kind, 0.5))
        if dtype == "INT8" and kind in ("LOGISTIC", "SOFTMAX"):
            result = value("y", shape, "INT8", 1 / 256, -128)
        if dtype == "INT16" and kind in ("LOGISTIC", "SOFTMAX", "TANH"):
            result = value("y", shape, "INT16", 1 / 32768)
        return new_operator(kind, [of(dtype, shape)], [result], **options)

    return build


def binary(kind: str, *shapes: Sequence[int], scale: float = 0.5, **options: Any) -> Case:
    first, second = shapes or ((1, 3), (1, 3))

    def build(dtype: str) -> Operator:
        operands = [of(dtype, first), of(dtype, second, "z")]
        shape = np.broadcast_shapes(tuple(first), tuple(second))
        return new_operator(kind, [*operands], [of(dtype, shape, "y", scale)], **options)

    return build


def with_numbers(
    kind: str, shape: Sequence[int], numbers: Any, made: Sequence[int], **options: Any
) -> Case:
    """Return a case with integers that say where: axes, an order, sizes."""

    def build(dtype: str) -> Operator:
        operands = [of(dtype, shape)]
        operands += [constant(f"c{i}", values) for i, values in enumerate(numbers)]
        return new_operator(kind, [*operands], [of(dtype, made, "y")], **options)

    return build


def layer(
    kind: str, weights: str = "INT8", *, scales: Any = 0.5, bias: bool = True, **o: Any
) -> Case:
    def build(dtype: str) -> Operator:
        is_dense = kind == "FULLY_CONNECTED"
        source = of(dtype, (1, 4) if is_dense else (1, 5, 5, 4))
        shape, axis = ((3, 4), 0) if is_dense else ((3, 1, 1, 4), 0)
        made = (1, 3) if is_dense else (1, 5, 5, 3)
        if kind == "DEPTHWISE_CONV_2D":
            shape, axis, made = (1, 1, 1, 4), 3, (1, 5, 5, 4)
        matrix = constant("w", np.ones(shape, np.int8), scales, axis=axis)
        if weights != "INT8":
            matrix.dtype, matrix.quantization = weights, None
            matrix.buffer = Buffer.of(np.ones(shape, np.float32))
        inputs = [source, matrix, bias_of(dtype, made[-1]) if bias else None]
        return new_operator(kind, inputs, [of(dtype, made, "y")], **PLAIN, **o)

    return build


def bias_of(dtype: str, channels: int) -> Tensor:
    kind = {"INT8": np.int32, "INT16": np.int64}.get(dtype)
    if kind is None:
        return constant("b", np.zeros(channels, np.float32))
    bias = constant("b", np.zeros(channels, np.int64)[:channels].astype(np.int64))
    bias.dtype, bias.buffer = np.dtype(kind).name.upper(), Buffer.of(np.zeros(channels, kind))
    bias.quantization = Quantization(np.full(1, 0.25, np.float32), np.zeros(1, np.int64))
    return bias


def convert(kind: str, first: str, second: str, scales: Any = 0.5) -> Case:
    def build(_: str) -> Operator:
        source, result = of(first, (3, 2)), of(second, (3, 2), "y")
        side = source if kind == "DEQUANTIZE" else result
        if side.quantization is not None:
            array = np.atleast_1d(np.asarray(scales, np.float32))
            side.quantization = Quantization(array, np.zeros(array.size, np.int64), 0)
        return new_operator(kind, [source], [result])

    return build


def product(right: str | None = None, **options: Any) -> Case:
    def build(dtype: str) -> Operator:
        operands = [of(dtype, (1, 2, 4)), of(right or dtype, (1, 4, 3), "z")]
        return new_operator("BATCH_MATMUL", [*operands], [of(dtype, (1, 2, 3), "y")], **options)

    return build


def joined(dtype: str) -> Operator:
    operands = [of(dtype), of(dtype, name="z")]
    return new_operator("CONCATENATION", [*operands], [of(dtype, (2, 3), "y")], axis=0, **PLAIN)


def less(dtype: str) -> Operator:
    return new_operator("LESS", [of(dtype), of(dtype, name="z")], [value("y", (1, 3), "BOOL")])


ALL, SMALL = ("FLOAT32", "INT8", "INT16"), ("FLOAT32", "INT8")
S4, S5, S6 = (1, 2, 2, 3), (1, 2, 2, 3, 2), (1, 2, 2, 3, 2, 2)
POOL = {**WINDOW, "filterWidth": 2, "filterHeight": 2, **PLAIN}
DEEP = {"depthMultiplier": 1, "dilationWFactor": 1, "dilationHFactor": 1, **WINDOW}
KEPT = {"keepNumDims": True}

CASES: dict[str, tuple[Case, Sequence[str]]] = {
    **{kind: (unary(kind), ALL) for kind in ("EXP", "RSQRT", "LOGISTIC", "TANH", "RELU", "RELU6")},
    "ABS": (unary("ABS"), ALL),
    "SQRT": (unary("SQRT"), ["FLOAT32"]),
    "LEAKY_RELU": (unary("LEAKY_RELU", alpha=0.1), ALL),
    "GELU": (unary("GELU", approximate=False), SMALL),
    "SOFTMAX": (unary("SOFTMAX", beta=1.0), ALL),
    "MAX_POOL_2D": (unary("MAX_POOL_2D", (1, 4, 4, 2), **POOL), ALL),
    "AVERAGE_POOL_2D": (unary("AVERAGE_POOL_2D", (1, 4, 4, 2), **POOL), ALL),
    "ADD": (binary("ADD", **PLAIN), ALL),
    "SUB": (binary("SUB", **PLAIN), ALL),
    "SUB broadcast": (binary("SUB", S5, (1, 1, 1, 3, 2), **PLAIN), SMALL),
    "MUL": (binary("MUL", **PLAIN), ALL),
    "MUL growing": (binary("MUL", scale=0.25, **PLAIN), SMALL),
    "MUL shrinking": (binary("MUL", scale=0.26, **PLAIN), SMALL),
    "DIV": (binary("DIV", **PLAIN), ["FLOAT32"]),
    "DIV broadcast": (binary("DIV", S5, (1, 1, 1, 3, 2), **PLAIN), ["FLOAT32"]),
    "MAXIMUM": (binary("MAXIMUM"), ALL),
    "MINIMUM": (binary("MINIMUM"), ALL),
    "MAXIMUM broadcast": (binary("MAXIMUM", S5, (1, 1, 1, 3, 2)), ALL),
    "SQUARED_DIFFERENCE": (binary("SQUARED_DIFFERENCE"), SMALL),
    "LESS": (less, SMALL),
    "CONCATENATION": (joined, ALL),
    "RESHAPE": (with_numbers("RESHAPE", (2, 6), [[3, 4]], (3, 4)), ALL),
    "TRANSPOSE": (with_numbers("TRANSPOSE", S4, [[0, 1, 3, 2]], (1, 2, 3, 2)), ALL),
    "TRANSPOSE 5": (with_numbers("TRANSPOSE", S5, [[0, 1, 2, 4, 3]], (1, 2, 2, 2, 3)), ALL),
    "TRANSPOSE 6": (
        with_numbers("TRANSPOSE", S6, [[0, 1, 2, 4, 3, 5]], (1, 2, 2, 2, 3, 2)),
        ALL,
    ),
    "SLICE": (with_numbers("SLICE", S4, [[0, 0, 0, 1], [1, 2, 2, 2]], (1, 2, 2, 2)), ALL),
    "SLICE 5": (with_numbers("SLICE", S5, [[0] * 5, [1] * 5], (1,) * 5), ALL),
    "PAD": (with_numbers("PAD", (2, 3), [[[1, 1], [0, 0]]], (4, 3)), ALL),
    "PAD 5": (with_numbers("PAD", S5, [[[1, 1]] + [[0, 0]] * 4], (3, 2, 2, 3, 2)), ALL),
    "MIRROR_PAD": (with_numbers("MIRROR_PAD", (2, 3), [[[1, 1], [0, 0]]], (4, 3), mode=0), SMALL),
    **{
        kind: (with_numbers(kind, (2, 3), [[1]], (2, 1), keepDims=True), ALL)
        for kind in ("SUM", "MEAN", "REDUCE_MAX", "REDUCE_MIN")
    },
    "BROADCAST_TO": (with_numbers("BROADCAST_TO", (1, 3), [[2, 3]], (2, 3)), ALL),
    "EXPAND_DIMS": (with_numbers("EXPAND_DIMS", (2, 3), [0], (1, 2, 3)), SMALL),
    "RESIZE_BILINEAR": (
        with_numbers("RESIZE_BILINEAR", S4, [[4, 4]], (1, 4, 4, 3), halfPixelCenters=False),
        ALL,
    ),
    "RESIZE_BILINEAR centred": (
        with_numbers("RESIZE_BILINEAR", S4, [[4, 4]], (1, 4, 4, 3), halfPixelCenters=True),
        ALL,
    ),
    "RESIZE_NEAREST_NEIGHBOR": (
        with_numbers("RESIZE_NEAREST_NEIGHBOR", S4, [[4, 4]], (1, 4, 4, 3), alignCorners=False),
        ALL,
    ),
    "GATHER": (with_numbers("GATHER", (4, 3), [[0, 2]], (2, 3), axis=0), ALL),
    "STRIDED_SLICE": (
        with_numbers("STRIDED_SLICE", (4, 3), [[0, 0], [2, 3], [1, 1]], (2, 3), beginMask=0),
        ALL,
    ),
    "STRIDED_SLICE 5": (
        with_numbers("STRIDED_SLICE", S5, [[0] * 5, [1] * 5, [1] * 5], (1,) * 5, beginMask=0),
        SMALL,
    ),
    "FULLY_CONNECTED float": (layer("FULLY_CONNECTED", "FLOAT32"), ["FLOAT32"]),
    "FULLY_CONNECTED without bias": (layer("FULLY_CONNECTED", bias=False), ALL),
    "FULLY_CONNECTED": (layer("FULLY_CONNECTED"), ALL),
    "FULLY_CONNECTED of channels": (layer("FULLY_CONNECTED", scales=ROUND), ALL),
    "FULLY_CONNECTED that keeps": (layer("FULLY_CONNECTED", **KEPT), ALL),
    "CONV_2D float": (layer("CONV_2D", "FLOAT32", **WINDOW), ["FLOAT32"]),
    "CONV_2D": (layer("CONV_2D", **WINDOW), ALL),
    "CONV_2D of channels": (layer("CONV_2D", scales=ROUND, **WINDOW), ALL),
    "DEPTHWISE_CONV_2D float": (layer("DEPTHWISE_CONV_2D", "FLOAT32", **DEEP), ["FLOAT32"]),
    "DEPTHWISE_CONV_2D dilated": (
        layer("DEPTHWISE_CONV_2D", "FLOAT32", **{**DEEP, "dilationWFactor": 2}),
        ["FLOAT32"],
    ),
    "DEPTHWISE_CONV_2D": (layer("DEPTHWISE_CONV_2D", **DEEP), ALL),
    "DEPTHWISE_CONV_2D of channels": (
        layer("DEPTHWISE_CONV_2D", scales=[*ROUND, 0.4], **DEEP),
        ALL,
    ),
    "BATCH_MATMUL": (product(adjY=False), ALL),
    "BATCH_MATMUL hybrid": (product("INT8", asymmetricQuantizeInputs=True), ["FLOAT32"]),
    **{
        f"DEQUANTIZE {dtype}": (convert("DEQUANTIZE", dtype, "FLOAT32"), ["FLOAT32"])
        for dtype in ("INT8", "INT16", "FLOAT16")
    },
    "DEQUANTIZE of channels": (convert("DEQUANTIZE", "INT8", "FLOAT32", ROUND), ["FLOAT32"]),
    "QUANTIZE of channels": (convert("QUANTIZE", "FLOAT32", "INT8", ROUND), ["FLOAT32"]),
    **{
        f"QUANTIZE {first} {second}": (convert("QUANTIZE", first, second), ["FLOAT32"])
        for first in ("FLOAT32", "INT8", "INT16")
        for second in ("INT8", "INT16")
    },
}


@pytest.mark.parametrize(
    ("name", "dtype"), [(name, dtype) for name, (_, types) in CASES.items() for dtype in types]
)
def test_version_is_the_stock_converters(name: str, dtype: str) -> None:
    operator = CASES[name][0](dtype)
    inputs = [tensor for tensor in operator.inputs if tensor is not None and not tensor.is_constant]
    model = model_of(inputs, operator.outputs, [operator])
    [written] = exported(model).operators()
    assert (written.kind, written.version) == (operator.kind, operator.version)


@pytest.mark.parametrize(
    ("kind", "is_power", "version"), [("ADD", True, 1), ("ADD", False, 3), ("SUB", False, 5)]
)
def test_version_heeds_the_flag_of_int16_sums(kind: str, is_power: bool, version: int) -> None:
    # the exporter loses the flag
    assert binary(kind, potScaleInt16=is_power)("INT16").version == version


def test_version_rises_when_there_is_no_place_for_a_bias() -> None:
    operator = layer("FULLY_CONNECTED")("INT8")
    operator.inputs.pop()  # the exporter leaves the place, but empty
    assert operator.version == 6


def naive_hybrid(folder: Path) -> Path:
    return naive_dynamic(naive_float(folder))


@pytest.mark.parametrize("make", [naive_float, naive_hybrid, naive_int16])
def test_whole_files_are_the_stock_converters(make: Callable[[Path], Path], tmp_path: Path) -> None:
    model = read_model(make(tmp_path))
    for operator in model.operators():
        operator.stated = None
    assert highest(model) == highest(exported(model))


def test_version_stays_as_stated_until_the_operator_changes() -> None:
    model = deserialize(serialize(model_of(*ends(stated=9))))
    [operator] = model.operators()
    assert (operator.version, operator.needed_version) == (9, 1)
    again = deserialize(serialize(model))
    assert [o.version for o in again.operators()] == [9]
    for tensor in [*operator.inputs, *operator.outputs]:
        assert tensor is not None
        tensor.dtype, tensor.quantization = "INT8", Quantization(*PER_TENSOR)
    assert operator.version == 2


def test_version_stays_as_stated_when_the_operator_is_custom() -> None:
    x, y = value("x", (1,)), value("y", (1,))
    operator = Operator("Own", [x], [y], is_custom=True)
    assert operator.needed_version is None
    operator.state_version(3)
    assert operator.version == 3


def test_version_stays_as_stated_when_a_type_is_later_than_the_rule() -> None:
    inputs, _, operators = ends(stated=7)
    inputs[0].dtype = "FLOAT3"
    operators[0].state_version(7)
    assert (operators[0].needed_version, operators[0].version) == (None, 7)


PER_TENSOR = np.full(1, 0.5, np.float32), np.zeros(1, np.int64)


def ends(stated: int) -> tuple[list[Tensor], list[Tensor], list[Operator]]:
    operator = binary("MUL", **PLAIN)("FLOAT32")
    operator.state_version(stated)
    inputs = [tensor for tensor in operator.inputs if tensor is not None]
    return inputs, operator.outputs, [operator]
