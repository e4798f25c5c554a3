"""The lowest version of an operator's contract that has what a use of it needs.

Operators came to take more types, more dimensions and more options over the years, and each time
their version was raised. A file states the version of every operator; a runtime, a delegate or a
compiler that knows less refuses it. So a version is best as low as types, shapes and options allow,
and LiteRT has a rule for that (``op_version.cc``). This is the same rule: a test compares the two.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from edgeseal.tflite.graph._operator_use import (
    MANY,
    OperatorUse,
    count_scales,
    has_parameters,
    has_several_scales,
    is_per_channel,
)
from edgeseal.tflite.graph._tensor import Tensor

__all__ = ["lowest_version"]

_FLOAT8 = ("FLOAT8_E4M3FN", "FLOAT8_E5M2")
_JUDGED = {  # of later types nothing is known
    *("FLOAT16", "FLOAT32", "FLOAT64", "BFLOAT16", *_FLOAT8, "COMPLEX64", "COMPLEX128", "BOOL"),
    *("INT2", "INT4", "INT8", "INT16", "INT32", "INT64"),
    *("UINT4", "UINT8", "UINT16", "UINT32", "UINT64", "STRING", "RESOURCE", "VARIANT"),
}
_BASIC_LSTM = 1  # LSTMKernelType
_SHUFFLED = 1  # FullyConnectedOptionsWeightsFormat

_Versions = Mapping[str, int]  # by type


def lowest_version(
    kind: str, inputs: Sequence[Tensor | None], outputs: Sequence[Tensor], options: Any
) -> int | None:
    """Return the lowest version of an operator of the schema that takes this use of it.

    Args:
        kind: the schema's name.
        inputs: operands.
        outputs: results.
        options: the schema's option table, or None.

    Returns:
        The version; None where the rule does not know a type.
    """
    if any(t is not None and t.dtype not in _JUDGED for t in (*inputs, *outputs)):
        return None
    rule = _RULES.get(kind)
    return 1 if rule is None else rule(OperatorUse(inputs, outputs, options))


def _by_type(types: _Versions, place: int = 0, *, least: int = 1) -> _Rule:
    """Return the rule of operators of which an operand's type says it all."""
    return lambda use: types.get(use.type_of(place), least)


def _float8(version: int, **types: int) -> dict[str, int]:
    return dict.fromkeys(_FLOAT8, version) | types


_Rule = Callable[[OperatorUse], int | None]


# Layers


def _convolution(use: OperatorUse) -> int:
    source, weights = use.operand(0), use.operand(1)
    if use.has("INT16", "INT8", "INT16") and use.options is not None:
        return 8  # with a type of the bias: FLOAT32, which stands for none, counts too
    if source is not None and weights is not None and source.shape[-1:] != weights.shape[-1:]:
        return 6  # groups
    if use.type_of(0) == use.type_of(1) == "INT16":
        return 4
    if use.has("FLOAT32", "INT8", "FLOAT32"):
        return 5 if is_per_channel(weights, 0) else 2
    return _integer_layer(use, int8=3, int4=7)


def _depthwise(use: OperatorUse) -> int:
    if use.type_of(0) == use.type_of(1) == "INT16":
        return 5
    if use.has("FLOAT32", "INT8", "FLOAT32"):
        return 6 if is_per_channel(use.operand(1), 3) else 4
    steps = use.option("dilationWFactor"), use.option("dilationHFactor")
    return _integer_layer(use, int8=3, int4=7, other=2 if max(steps) > 1 else 1)


def _integer_layer(use: OperatorUse, *, int8: int, int4: int, other: int = 1) -> int:
    if use.has("INT8", "INT8", "INT8"):
        return int8
    return int4 if use.has("INT8", "INT4", "INT8") else other


def _fully_connected(use: OperatorUse) -> int:
    weights = use.operand(1)
    is_hybrid = use.has("FLOAT32", "INT8", "FLOAT32")
    for is_so, version in (
        (use.type_of(1) == "INT2", 14),
        (use.has("INT16", "INT4", "INT16"), 13),
        (is_hybrid and is_per_channel(weights, 0), 12),
        (use.has("INT16", "INT8", "INT16") and use.options is not None, 11),
        (weights is not None and weights.is_sparse, 8),
        (use.has("INT16", "INT16", "INT16"), 7),
        (len(use.inputs) == 2, 6),
        (use.option("keepNumDims"), 5),
        (use.has("INT8", "INT8", "INT8"), 4),
        (use.has("INT8", "INT4", "INT8"), 10),
        (is_hybrid, 9 if use.option("asymmetricQuantizeInputs") else 3),
        (use.option("weightsFormat") == _SHUFFLED, 2),
    ):
        if is_so:
            return version
    return 1


def _transposed_convolution(use: OperatorUse) -> int:
    if use.option("fusedActivationFunction"):
        return 4
    if len(use.inputs) == 4 and use.operand(3) is not None:
        return 3
    return 2 if use.type_of(1) == "INT8" else 1


def _matmul(use: OperatorUse) -> int:
    if use.has("FLOAT32", "INT8", "FLOAT32"):
        return 4 if use.option("asymmetricQuantizeInputs") else 1
    return {"INT8": 2, "INT16": 3}.get(use.type_of(0), 1)


def _embedding(use: OperatorUse) -> int:
    table = use.operand(1)
    if use.type_of(1) == "INT4" or (count_scales(table) > 1 and is_per_channel(table, 0)):
        return 4
    return 5 if use.type_of(1) == "INT2" else 1


# Recurrent layers


def _recurrent(use: OperatorUse) -> int:
    if (use.type_of(1), use.result_type()) != ("INT8", "FLOAT32"):
        return 1
    return 3 if use.option("asymmetricQuantizeInputs") else 2


def _lstm(use: OperatorUse) -> int:
    if use.option("kernelType") == _BASIC_LSTM:
        return 2
    return _hybrid_lstm(use, 3) or 1


def _sequence_lstm(use: OperatorUse) -> int:
    is_integer = use.type_of(0) == use.result_type() == "INT16" and use.type_of(2) == "INT8"
    if use.option("diagonalRecurrentTensors") and not is_integer:
        return 4
    return _hybrid_lstm(use, 2) or 1


def _hybrid_lstm(use: OperatorUse, version: int) -> int:
    types = use.type_of(0), use.type_of(2), use.result_type()
    if types == ("INT16", "INT8", "INT16"):
        return 5
    if types != ("FLOAT32", "INT8", "FLOAT32"):
        return 0
    return version + 1 if use.option("asymmetricQuantizeInputs") else version


def _svdf(use: OperatorUse) -> int:
    if use.type_of(0) == "INT8":
        return 3
    if not use.has("FLOAT32", "INT8", "FLOAT32"):
        return 1
    return 4 if use.option("asymmetricQuantizeInputs") else 2


# Arithmetic


def _add(use: OperatorUse) -> int:
    if use.type_of(0) != "INT16":
        return {"INT8": 2, "INT64": 4, "FLOAT16": 6}.get(use.type_of(0), 1)
    if not has_parameters(use.operand(0)):
        return 5
    return 3 if use.result_type() == "INT16" and not use.option("potScaleInt16") else 1


def _subtract(use: OperatorUse) -> int:
    if use.type_of(0) == use.result_type() == "INT16" and not use.option("potScaleInt16"):
        return 5
    version = {"INT8": 2, "INT64": 4}.get(use.type_of(0), 1)
    return max(version, 3 if use.broadcasts() else 1)


def _multiply(use: OperatorUse) -> int:
    dtype, operands = use.type_of(0), [use.operand(0), use.operand(1)]
    if dtype == "INT16" and not any(map(has_parameters, operands)):
        return 7
    types = {"INT16": 4, "INT64": 5, "COMPLEX64": 6, "UINT32": 7, "FLOAT16": 8}
    if dtype in types:
        return types[dtype]
    if _grows([*operands, *use.outputs[:1]]):
        return 3
    return 2 if dtype == "INT8" else 1


def _grows(tensors: Sequence[Tensor | None]) -> bool:
    """Whether a product of integers counts in no fewer steps than its result."""
    known = [t.quantization for t in tensors if t is not None]
    scales = [one.scale[0] for one in known if one is not None and one.scale.size]
    if len(scales) < 3 or not all(scales):
        return False
    first, second, result = (np.float32(scale) for scale in scales)
    with np.errstate(all="ignore"):  # of damaged files
        return bool(first * second / result >= 1)


def _absolute(use: OperatorUse) -> int:
    if use.type_of(0) == "INT16":
        return 3 if has_parameters(use.operand(0)) else 4
    return {"INT8": 2, "UINT8": 2, "INT32": 5}.get(use.type_of(0), 1)


def _divide(use: OperatorUse) -> int:
    return 2 if use.broadcasts() else 1


def _extremum(use: OperatorUse) -> int:
    version = {"INT8": 2, "INT16": 4}.get(use.type_of(0), 1)
    return max(version, 3 if use.broadcasts() else 1)


# Types


def _dequantize(use: OperatorUse) -> int:
    types = _float8(9, UINT4=8, INT2=7, INT4=6, INT16=3, FLOAT16=3, INT8=2)
    is_int8 = use.type_of(0) == "INT8"
    if is_int8 and has_several_scales(use.operand(0)):
        return 5
    return types.get(use.type_of(0), 1)


def _quantize(use: OperatorUse) -> int | None:
    types = use.type_of(0), use.result_type()
    if not {*types}.isdisjoint(_FLOAT8):
        return None  # kernels have a version that the rule lacks
    if "UINT4" in types:
        return 5
    if "INT4" in types:
        return 4
    if use.outputs and has_several_scales(use.outputs[0]):
        return 3
    return 2 if types[1] == "INT16" else 1


def _cast(use: OperatorUse) -> int:
    types = _float8(9, INT2=8, UINT4=8, BFLOAT16=7, FLOAT64=5, FLOAT16=5, UINT16=4) | {
        "INT8": 3,
        "UINT32": 2,
    }
    pair = use.type_of(0), use.result_type()
    version = max(types.get(dtype, 1) for dtype in pair)
    return max(version, 6 if pair == ("INT4", "FLOAT32") else 1)


def _fake_quantize(use: OperatorUse) -> int:
    return 2 if use.option("narrowRange") else 1


# Places


def _transpose(use: OperatorUse) -> int:
    types = {"INT8": 2, "BOOL": 3, "INT16": 5, "INT4": 7, "BFLOAT16": 8, "FLOAT16": 9}
    ranks = {5: 4, 6: 6}
    rank = use.rank()
    return max(types.get(use.type_of(0), 1), 8 if rank > 6 else ranks.get(rank, 1))


def _in_many(version: int, types: _Versions) -> _Rule:
    """Return the rule of operators that take many dimensions from a version on."""
    return lambda use: max(types.get(use.type_of(0), 1), version if use.rank() > MANY else 1)


def _blocks(use: OperatorUse) -> int:
    version = {"INT8": 2, "INT16": 4}.get(use.type_of(0), 1)
    return max(version, 3 if use.rank() != 4 else 1)


def _strided_slice(use: OperatorUse) -> int:
    dtype = use.type_of(0)
    for is_so, version in (
        (use.option("offset"), 8),
        (dtype == "UINT32", 7),
        (use.option("ellipsisMask") or use.option("newAxisMask"), 6),
        (dtype == "STRING", 5),
        (use.rank() > MANY, 4),
    ):
        if is_so:
            return version
    return {"BOOL": 3, "INT8": 2}.get(dtype, 1)


def _gather(use: OperatorUse) -> int:
    first, second = use.type_of(0), use.type_of(1)
    narrow = _float8(8, INT4=7)
    if first in narrow:
        return narrow[first]
    if second == "INT16":
        return 6
    if use.option("batchDims"):
        return 5
    return {"INT16": 4, "BOOL": 3, "INT8": 2}.get(first, 1)


def _gather_points(use: OperatorUse) -> int:
    version = _float8(6, BOOL=5, INT16=3, STRING=2).get(use.type_of(0), 1)
    return max(version, 4 if use.type_of(1) == "INT16" else 1)


def _update_slice(use: OperatorUse) -> int:
    types = {"BFLOAT16": 6, "INT4": 5, "INT16": 4, "FLOAT16": 3}
    return max(types.get(use.type_of(0), 1), 2 if use.type_of(2) == "INT64" else 1)


def _select(use: OperatorUse) -> int:
    version = {"UINT32": 4, "INT8": 2}.get(use.type_of(0), 1)
    return max(version, 3 if 5 in map(use.rank, range(3)) else 1)


def _top(use: OperatorUse) -> int:
    results = [tensor.dtype for tensor in use.outputs[1:2]]
    if "INT16" in (use.type_of(0), use.type_of(1), *results):
        return 3
    return 2 if use.type_of(0) == "INT8" else 1


def _resize(*centred: str) -> _Rule:
    """Return the rule of resizing, which options that place samples otherwise raise."""

    def rule(use: OperatorUse) -> int:
        if use.type_of(0) == "INT16":
            return 4
        if any(use.option(name) for name in centred):
            return 3
        return 2 if use.type_of(0) == "INT8" else 1

    return rule


def _normalize(use: OperatorUse) -> int:
    return 2 if use.result_type() == "INT8" else 1


_INT8 = _by_type({"INT8": 2})
_INT8_INT16 = _by_type({"INT8": 2, "INT16": 3})
_BOTH = _by_type({"INT8": 2, "INT16": 2})
_HALF = _by_type({"FLOAT16": 2})
_SLICES = _in_many(5, {"INT8": 2, "STRING": 3, "INT16": 4, "UINT32": 6, "INT4": 7, "FLOAT16": 8})
_PADDING = _in_many(4, _float8(6, BOOL=5, INT16=3, INT8=2))

_RULES: Mapping[str, _Rule] = MappingProxyType(
    {
        "ABS": _absolute,
        "ADD": _add,
        "ARG_MAX": _by_type({"INT8": 2, "BOOL": 3}),
        "ARG_MIN": _by_type({"INT8": 2, "BOOL": 3}),
        "AVERAGE_POOL_2D": _INT8_INT16,
        "BATCH_MATMUL": _matmul,
        "BATCH_TO_SPACE_ND": _blocks,
        "BIDIRECTIONAL_SEQUENCE_LSTM": _recurrent,
        "BIDIRECTIONAL_SEQUENCE_RNN": _recurrent,
        "BROADCAST_TO": _by_type(_float8(4, INT8=3, INT16=3), least=2),
        "CAST": _cast,
        "CONCATENATION": _by_type(_float8(7, FLOAT16=6, INT4=5, UINT32=4, INT16=3, INT8=2)),
        "CONV_2D": _convolution,
        "COS": _HALF,
        "DEPTHWISE_CONV_2D": _depthwise,
        "DEPTH_TO_SPACE": _INT8,
        "DEQUANTIZE": _dequantize,
        "DIV": _divide,
        "DYNAMIC_UPDATE_SLICE": _update_slice,
        "EMBEDDING_LOOKUP": _embedding,
        "EQUAL": _by_type({"INT8": 2, "STRING": 3, "INT16": 5}),
        "EXP": _BOTH,
        "FAKE_QUANT": _fake_quantize,
        "FILL": _by_type(_float8(5, FLOAT16=4, INT8=3, INT16=3, BOOL=2, STRING=2), 1),
        "FLOOR_DIV": _by_type({"FLOAT32": 2, "INT8": 3, "INT16": 3}),
        "FLOOR_MOD": _BOTH,
        "FULLY_CONNECTED": _fully_connected,
        "GATHER": _gather,
        "GATHER_ND": _gather_points,
        "GELU": _by_type({"INT8": 2, "UINT8": 2, "FLOAT16": 3}),
        "GREATER": _INT8,
        "GREATER_EQUAL": _INT8_INT16,
        "L2_NORMALIZATION": _normalize,
        "LEAKY_RELU": _by_type({"INT16": 2}),
        "LESS": _INT8_INT16,
        "LESS_EQUAL": _INT8,
        "LOG": _BOTH,
        "LOGISTIC": _INT8_INT16,
        "LOG_SOFTMAX": _INT8,
        "LSTM": _lstm,
        "MAXIMUM": _extremum,
        "MAX_POOL_2D": _INT8_INT16,
        "MEAN": _INT8_INT16,
        "MINIMUM": _extremum,
        "MIRROR_PAD": _INT8_INT16,
        "MUL": _multiply,
        "NOT_EQUAL": _by_type({"INT8": 2, "STRING": 3, "INT16": 4}),
        "PACK": _by_type(_float8(5, UINT32=4, INT16=3, INT8=2)),
        "PAD": _PADDING,
        "PADV2": _PADDING,
        "QUANTIZE": _quantize,
        "RANGE": _by_type({"INT64": 2}),
        "REDUCE_MAX": _INT8_INT16,
        "REDUCE_MIN": _INT8_INT16,
        "REDUCE_PROD": _BOTH,
        "RELU": _by_type({"INT8": 2, "UINT8": 2, "INT16": 3}),
        "RELU6": _INT8_INT16,
        "RESIZE_BILINEAR": _resize("halfPixelCenters"),
        "RESIZE_NEAREST_NEIGHBOR": _resize("halfPixelCenters", "alignCorners"),
        "REVERSE_V2": _by_type(_float8(4, INT8=3, BOOL=2)),
        "RNN": _recurrent,
        "RSQRT": _INT8_INT16,
        "SELECT": _select,
        "SELECT_V2": _by_type({"UINT32": 2}),
        "SIGN": _by_type({"INT32": 2}),
        "SIN": _HALF,
        "SLICE": _in_many(
            5, {"FLOAT16": 8, "INT4": 7, "UINT32": 6, "INT16": 4, "STRING": 3, "INT8": 2}
        ),
        "SOFTMAX": _by_type({"INT8": 2, "INT16": 3, "FLOAT16": 4}),
        "SPACE_TO_BATCH_ND": _blocks,
        "SPACE_TO_DEPTH": _INT8,
        "SPARSE_TO_DENSE": _by_type({"INT64": 2, "INT8": 3, "UINT8": 3}, 2),
        "SPLIT": _by_type(_float8(5, INT16=4, INT32=3, INT8=2), 1),
        "SPLIT_V": _by_type(_float8(3, INT8=2)),
        "SQRT": _BOTH,
        "SQUARED_DIFFERENCE": _INT8,
        "SQUEEZE": _by_type({"STRING": 2}),
        "STRIDED_SLICE": _strided_slice,
        "SUB": _subtract,
        "SUM": _INT8,
        "SVDF": _svdf,
        "TANH": _INT8_INT16,
        "TILE": _by_type({"INT8": 3, "STRING": 2}),
        "TOPK_V2": _top,
        "TRANSPOSE": _transpose,
        "TRANSPOSE_CONV": _transposed_convolution,
        "UNIDIRECTIONAL_SEQUENCE_LSTM": _sequence_lstm,
        "UNIDIRECTIONAL_SEQUENCE_RNN": _recurrent,
        "UNPACK": _by_type(_float8(6, FLOAT16=5, BFLOAT16=5, INT16=4, BOOL=3, INT8=2, UINT8=2)),
        "WHERE": _by_type({"BOOL": 1}, least=2),
    }
)
