"""Arrays for tensors: drawn from their range, quantized, dequantized."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseal.tflite.graph import Quantization, Tensor

__all__ = [
    "constant_values",
    "dequantize",
    "draw",
    "has_fitting_scales",
    "integer_limits",
    "is_quantized",
    "numpy_type",
    "quantize",
    "size_bytes",
]

_TYPES: dict[str, type[np.generic]] = {
    "FLOAT32": np.float32,
    "FLOAT16": np.float16,
    "FLOAT64": np.float64,
    "INT8": np.int8,
    "UINT8": np.uint8,
    "INT16": np.int16,
    "UINT16": np.uint16,
    "INT32": np.int32,
    "UINT32": np.uint32,
    "INT64": np.int64,
    "UINT64": np.uint64,
    "BOOL": np.bool_,
    "COMPLEX64": np.complex64,
    "COMPLEX128": np.complex128,
    "STRING": np.object_,
}


def numpy_type(tensor: Tensor) -> type[np.generic] | None:
    """Return numpy's type for a tensor's values; None where an array cannot hold them."""
    return _TYPES.get(tensor.dtype)


def constant_values(tensor: Tensor) -> NDArray[Any] | None:
    """Return a constant's values in its shape; None where they are not stored plainly.

    That is: no constant, strings, sparse or damaged data. INT4 comes as int8.
    """
    if tensor.buffer is None or tensor.is_sparse:
        return None
    data, count = tensor.buffer.data, math.prod(tensor.shape)
    if tensor.dtype == "INT4":  # two to a byte, the low half first
        halves = np.stack([data << 4, data], axis=-1).reshape(-1).view(np.int8) >> 4
        return halves[:count].reshape(tensor.shape) if halves.size >= count else None
    kind = numpy_type(tensor)
    if kind is None or kind is np.object_ or data.size != count * np.dtype(kind).itemsize:
        return None
    return data.view(kind).reshape(tensor.shape)


def size_bytes(tensor: Tensor) -> int:
    """Return the bytes that a tensor's values take; unknown dimensions count as 1."""
    kind = numpy_type(tensor)
    item = 1 if kind is None else np.dtype(kind).itemsize
    return math.prod(max(size, 1) for size in tensor.shape) * item


def draw(
    tensor: Tensor, generator: np.random.Generator, *, shape: tuple[int, ...] | None = None
) -> NDArray[Any] | None:
    """Draw values that an input could have; None where an array cannot hold them.

    Quantized tensors use their whole range, floats 0..1, other integers 0 and 1 (they may be
    indices).

    Args:
        tensor: whose type and range count.
        generator: source of randomness.
        shape: instead of the tensor's own; unknown dimensions count as 1.
    """
    kind = numpy_type(tensor)
    if kind is None:
        return None
    shape = tuple(max(size, 1) for size in (tensor.shape if shape is None else shape))
    if kind is np.object_:
        return np.full(shape, b"", np.object_)
    limits = integer_limits(tensor)
    if tensor.quantization is not None and limits is not None:
        # in the type itself: INT64 on the way would take eight times the memory
        return generator.integers(*limits, shape, dtype=kind, endpoint=True)
    if np.issubdtype(kind, np.floating):
        return generator.random(shape, np.float32).astype(kind)
    return generator.integers(0, 2, shape, dtype=np.int8).astype(kind)


def integer_limits(tensor: Tensor) -> tuple[int, int] | None:
    """Return the smallest and the largest stored value; None for a type that holds no integers."""
    if tensor.dtype == "INT4":
        return -8, 7
    kind = numpy_type(tensor)
    if kind is None or not issubclass(kind, np.integer):
        return None
    limits = np.iinfo(kind)
    return int(limits.min), int(limits.max)


def is_quantized(tensor: Tensor) -> bool:
    """Whether stored integers stand for real numbers, with parameters that can be used."""
    return (
        tensor.quantization is not None
        and integer_limits(tensor) is not None
        and has_fitting_scales(tensor, tensor.quantization)
    )


def dequantize(values: NDArray[Any], quantization: Quantization) -> NDArray[np.float32]:
    """Return float32 of the same shape: scale * (values - zero_point), per channel if so said."""
    scale, zero_point = _aligned(quantization, values.ndim)
    # float32 throughout, as the kernels do it; INT32 values beyond 2^24 lose their last bits there
    real: NDArray[np.float32] = values.astype(np.float32)
    with np.errstate(over="ignore", invalid="ignore"):  # damaged files have scales without end
        real = (real - zero_point.astype(np.float32)) * scale
    return real


def quantize(values: NDArray[Any], tensor: Tensor) -> NDArray[Any]:
    """Return values of the tensor's type, rounded to its quantization and clipped to its range.

    Without quantization the values are only cast.
    """
    kind = numpy_type(tensor)
    if kind is None or tensor.quantization is None or not is_quantized(tensor):
        return values if kind is None else values.astype(kind)
    scale, zero_point = _aligned(tensor.quantization, values.ndim)
    low, high = integer_limits(tensor) or (0, 0)
    with np.errstate(all="ignore"):  # damaged files have scales of zero
        stored = np.rint(values.astype(np.float64) / scale) + zero_point
    clipped: NDArray[Any] = np.clip(np.nan_to_num(stored), low, high).astype(kind)
    return clipped


def has_fitting_scales(tensor: Tensor, quantization: Quantization) -> bool:
    """Whether there is one scale, or one for each channel of the quantized axis."""
    count = quantization.scale.size
    axis = _axis(quantization, tensor.rank)
    if quantization.zero_point.size not in (1, count):
        return False
    return count == 1 or (0 <= axis < tensor.rank and tensor.shape[axis] == count)


def _axis(quantization: Quantization, rank: int) -> int:
    # files exist whose biases of rank 1 name the axis of their layer's weights
    return 0 if rank == 1 else quantization.axis


def _aligned(quantization: Quantization, rank: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Shape scales and zero points so that they broadcast along the quantized axis."""
    scale, zero_point = quantization.scale, quantization.zero_point
    if scale.size == 1:
        return scale.reshape(-1), zero_point.reshape(-1)[:1]
    shape = [1] * rank
    shape[_axis(quantization, rank)] = scale.size
    return scale.reshape(shape), np.resize(zero_point, scale.size).reshape(shape)
