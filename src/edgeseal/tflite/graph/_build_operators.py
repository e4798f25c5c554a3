"""Builds what passes write: operators with the options that their kernels want, and constants.

Versions are no concern of theirs: an operator's own types, shapes and options say which it needs.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edgeseal.tflite.graph._model import Operator
from edgeseal.tflite.graph._schema import new_operator
from edgeseal.tflite.graph._tensor import Buffer, Tensor

__all__ = [
    "NO_ACTIVATION",
    "float32_constant",
    "int32_constant",
    "new_arithmetic",
    "new_concatenation",
    "new_dequantize",
    "new_matmul",
    "new_quantize",
    "new_reduction",
    "new_reshape",
    "new_slice",
    "new_transpose",
    "tensor_like",
]

NO_ACTIVATION = 0
"""The schema's ActivationFunctionType of operators that only do what they are named after."""

_POWERS_OF_TWO = ("ADD", "SUB")  # have a flag for INT16 scales that are powers of two, on if unsaid


def float32_constant(name: str, values: NDArray[np.float32]) -> Tensor:
    """Return a FLOAT32 constant."""
    return Tensor(name, values.shape, "FLOAT32", Buffer.of(values.astype(np.float32, copy=False)))


def int32_constant(name: str, values: Sequence[int] | Sequence[Sequence[int]]) -> Tensor:
    """Return an INT32 constant, such as a shape, axes or paddings."""
    array = np.array(values, np.int32)
    return Tensor(name, array.shape, "INT32", Buffer.of(array))


def tensor_like(tensor: Tensor, name: str, shape: Sequence[int]) -> Tensor:
    """Return a new value of a tensor's type and per-tensor quantization."""
    return Tensor(name, tuple(shape), tensor.dtype, quantization=tensor.quantization)


def new_arithmetic(
    kind: str, first: Tensor, second: Tensor, result: Tensor, *, activation: int = NO_ACTIVATION
) -> Operator:
    """Return an ADD, SUB, MUL or DIV.

    Args:
        kind: which.
        first: operand.
        second: operand.
        result: what it makes.
        activation: fused, the schema's ActivationFunctionType.
    """
    operator = new_operator(kind, [first, second], [result], fusedActivationFunction=activation)
    if kind in _POWERS_OF_TWO and result.dtype != "FLOAT32":
        operator.options.potScaleInt16 = False
    return operator


def new_concatenation(parts: Sequence[Tensor], axis: int, result: Tensor) -> Operator:
    """Return a CONCATENATION."""
    return new_operator(
        "CONCATENATION", [*parts], [result], axis=axis, fusedActivationFunction=NO_ACTIVATION
    )


def new_dequantize(source: Tensor, result: Tensor) -> Operator:
    """Return a DEQUANTIZE, which makes integers or halves FLOAT32."""
    return new_operator("DEQUANTIZE", [source], [result])


def new_matmul(left: Tensor, right: Tensor, result: Tensor, *, adj_y: bool = False) -> Operator:
    """Return a BATCH_MATMUL, of the right operand's transpose if ``adj_y``."""
    return new_operator("BATCH_MATMUL", [left, right], [result], adjX=False, adjY=adj_y)


def new_quantize(source: Tensor, result: Tensor) -> Operator:
    """Return a QUANTIZE, which gives real values or integers the result's type and scale."""
    return new_operator("QUANTIZE", [source], [result])


def new_reduction(
    kind: str, source: Tensor, axes: Tensor, result: Tensor, *, keep_dims: bool
) -> Operator:
    """Return a SUM, MEAN, REDUCE_MAX or their like.

    Args:
        kind: which.
        source: operand.
        axes: INT32 constant.
        result: what it makes.
        keep_dims: whether the axes stay, with size 1.
    """
    return new_operator(kind, [source, axes], [result], keepDims=keep_dims)


def new_reshape(source: Tensor, result: Tensor, *, shape: Tensor | None = None) -> Operator:
    """Return a RESHAPE.

    Args:
        source: operand.
        result: what it makes.
        shape: INT32 constant, the result's shape; default: a new one, and the options say it too.
    """
    if shape is not None:
        return new_operator("RESHAPE", [source, shape], [result])
    made = int32_constant(f"{result.name}/shape", result.shape)
    return new_operator("RESHAPE", [source, made], [result], newShape=list(result.shape))


def new_slice(source: Tensor, axis: int, start: int, size: int) -> Operator:
    """Return a SLICE of ``size`` positions along one axis, with a new result."""
    begins, sizes = [0] * source.rank, list(source.shape)
    begins[axis], sizes[axis] = start, size
    name = f"{source.name}/{axis}:{start}:{start + size}"
    begin, extent = int32_constant(f"{name}/begin", begins), int32_constant(f"{name}/size", sizes)
    return new_operator("SLICE", [source, begin, extent], [tensor_like(source, name, sizes)])


def new_transpose(source: Tensor, order: Sequence[int], result: Tensor) -> Operator:
    """Return a TRANSPOSE: axis i of the result is axis ``order[i]`` of the source."""
    return new_operator("TRANSPOSE", [source, int32_constant("order", order)], [result])
