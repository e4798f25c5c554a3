"""Integer weights: rounding to a grid, and writing the result into a graph."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgeseal.errors import ModelError
from edgeseal.tflite.graph import Buffer, Quantization, Tensor

__all__ = [
    "LARGEST",
    "IntegerWeights",
    "constant",
    "integer_constant",
    "integer_values",
    "round_balanced",
    "round_to_nearest",
    "symmetric_scale",
]

LARGEST = {8: 127, 4: 7}  # symmetric: -128 and -8 are not used, as LiteRT's kernels require

Float = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class IntegerWeights:
    """Weights on an integer grid with a scale per output channel and no offset.

    Attributes:
        values: int8, the weights' shape, -127..127, or -7..7 of 4 bits.
        scale: float32 [channels]; real = scale * value along ``axis``.
        axis: the output-channel dimension.
        bits: of a stored value, 8 or 4.
    """

    values: NDArray[np.int8]
    scale: Float
    axis: int
    bits: int = 8

    def dequantized(self) -> Float:
        """Return the real values, float32."""
        shape = [1] * self.values.ndim
        shape[self.axis] = -1
        real: Float = self.values.astype(np.float32) * self.scale.reshape(shape)
        return real


def symmetric_scale(weights: Float, axis: int, *, bits: int = 8) -> Float:
    """Return the scale per channel that just holds the largest weight, float32 [channels]."""
    others = tuple(dim for dim in range(weights.ndim) if dim != axis)
    largest = np.abs(weights).max(axis=others)
    smallest = np.finfo(np.float32).tiny  # below it, the runtime refuses a scale
    scale: Float = np.where(largest > 0, np.maximum(largest / LARGEST[bits], smallest), 1.0)
    return scale.astype(np.float32)


def round_to_nearest(
    weights: Float, axis: int, scale: Float | None = None, *, bits: int = 8
) -> IntegerWeights:
    """Round each weight to the nearest point of its channel's grid.

    Args:
        weights: float32, any shape.
        axis: the output-channel dimension.
        scale: float32 [channels], or None for :func:`symmetric_scale`.
        bits: of a stored value, 8 or 4.
    """
    if scale is None:
        scale = symmetric_scale(weights, axis, bits=bits)
    shape = [1] * weights.ndim
    shape[axis] = -1
    values = np.rint(weights / scale.reshape(shape)).clip(-LARGEST[bits], LARGEST[bits])
    return IntegerWeights(values.astype(np.int8), scale, axis, bits)


def round_balanced(weights: Float, axis: int, *, bits: int = 8) -> IntegerWeights:
    """Round to the nearest points, but let the errors of each output channel cancel.

    What layers read has a mean, often far from 0, and the sum of a channel's errors times that
    shifts its results. So as many of the weights that lie closest to the middle between two points
    go to the other one as bring that sum below half a step (Guo et al. 2022, SQuant, the constraint
    on channels). It takes no data and hardly adds to the squared error.

    Args:
        weights: float32, any shape.
        axis: the output-channel dimension.
        bits: of a stored value, 8 or 4.
    """
    nearest = round_to_nearest(weights, axis, bits=bits)
    values = np.moveaxis(nearest.values, axis, 0)
    exact = np.moveaxis(weights, axis, 0).reshape(len(values), -1) / nearest.scale[:, None]
    rounded = values.reshape(exact.shape).astype(np.float32)
    error = exact - rounded
    total = np.rint(error.sum(axis=1, keepdims=True))
    step = np.sign(total)
    order = np.argsort(-error * step, axis=1, kind="stable")[:, : int(np.abs(total).max(initial=0))]
    is_moved = np.arange(order.shape[1]) < np.abs(total)
    moved = np.take_along_axis(rounded, order, axis=1) + np.where(is_moved, step, 0)
    np.put_along_axis(rounded, order, moved, axis=1)
    integers = np.moveaxis(rounded.reshape(values.shape).astype(np.int8), 0, axis)
    return IntegerWeights(np.ascontiguousarray(integers), nearest.scale, axis, bits)


def constant(tensor: Tensor) -> Float:
    """Return the values of a FLOAT32 constant, in its shape, as a view into the file.

    Raises:
        ModelError: its data does not fit its shape, or has values that are not finite.
    """
    if tensor.buffer is None or tensor.dtype != "FLOAT32":
        raise TypeError(f"{tensor!r} is no FLOAT32 constant")
    try:
        values: Float = tensor.buffer.data.view(np.float32).reshape(tensor.shape)
    except ValueError as error:
        raise ModelError(
            f"constant {tensor.name!r} has {tensor.size_bytes} bytes, which do not fit "
            f"FLOAT32 {list(tensor.shape)}; convert the model again"
        ) from error
    if not np.isfinite(values).all():
        raise ModelError(
            f"constant {tensor.name!r} has values that are not finite; mend the checkpoint that "
            "the model was converted from"
        )
    return values


def integer_constant(name: str, weights: IntegerWeights) -> Tensor:
    """Return an INT8 constant, or an INT4 one, which holds two values in a byte."""
    quantization = Quantization(
        scale=weights.scale,
        zero_point=np.zeros(weights.scale.size, np.int64),
        axis=weights.axis,
    )
    buffer = Buffer.of(weights.values if weights.bits == 8 else _packed(weights.values))
    return Tensor(name, weights.values.shape, f"INT{weights.bits}", buffer, quantization)


def integer_values(tensor: Tensor) -> IntegerWeights:
    """Return what :func:`integer_constant` made an INT8 constant of."""
    if tensor.buffer is None or tensor.quantization is None or tensor.dtype != "INT8":
        raise TypeError(f"{tensor!r} is no INT8 constant")
    values = tensor.buffer.data.view(np.int8).reshape(tensor.shape)
    return IntegerWeights(values, tensor.quantization.scale, tensor.quantization.axis)


def _packed(values: NDArray[np.int8]) -> NDArray[np.uint8]:
    """Return two values a byte, the first in the lower half; an odd last one stands alone."""
    flat = values.reshape(-1).view(np.uint8) & 0xF
    even = np.pad(flat, (0, flat.size % 2))
    packed: NDArray[np.uint8] = even[0::2] | even[1::2] << 4
    return packed
