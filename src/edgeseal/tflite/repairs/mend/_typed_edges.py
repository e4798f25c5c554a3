"""Puts operands and results into other types: constants in place, values by an operator."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from edgeseal.tflite.graph import (
    Buffer,
    Operator,
    Quantization,
    Tensor,
    new_dequantize,
    new_quantize,
)
from edgeseal.tflite.probe import (
    constant_values,
    dequantize,
    integer_limits,
    is_quantized,
    quantize,
)

__all__ = ["Edges", "real_values", "stored", "symmetric"]

_WIDE = ("INT32", "INT64")  # biases: there is no kernel that dequantizes them


def real_values(tensor: Tensor) -> NDArray[np.float32] | None:
    """Return a constant's real values, or None where they are not stored plainly."""
    values = constant_values(tensor)
    if values is None or tensor.quantization is None:
        return values
    return dequantize(values, tensor.quantization)


def symmetric(values: NDArray[np.float32], dtype: str, axis: int | None = None) -> Quantization:
    """Return symmetric parameters that hold ``values``, per channel if an axis is given."""
    axes = tuple(i for i in range(values.ndim) if i != axis)
    largest = np.abs(values).max(axes if axis is not None else None, initial=0.0)
    _, high = integer_limits(Tensor("", (), dtype)) or (0, 1)
    scale = (np.atleast_1d(largest) / high).astype(np.float32)
    scale[scale == 0] = 1
    return Quantization(scale, np.zeros(scale.shape, np.int64), axis or 0)


def stored(name: str, values: NDArray[np.float32], dtype: str, how: Quantization) -> Tensor:
    """Return a constant of integers that stand for ``values``."""
    tensor = Tensor(name, values.shape, dtype, quantization=how)
    tensor.buffer = Buffer.of(quantize(values, tensor))
    return tensor


class Edges:
    """The operators before and behind those that get other types.

    Attributes:
        before: operators that convert operands.
        behind: operators that convert results.
    """

    def __init__(self, ranges: Mapping[Tensor, tuple[float, float]]) -> None:
        """Start without operators.

        Args:
            ranges: smallest and largest real value, by tensor; needed to make floats integers.
        """
        self.before: list[Operator] = []
        self.behind: list[Operator] = []
        self._ranges = ranges
        self._converted: dict[tuple[Tensor, str], Tensor] = {}

    def as_float(self, tensor: Tensor) -> Tensor:
        """Return an operand as FLOAT32; a quantized constant keeps its data."""
        if not is_quantized(tensor):
            return tensor
        key = tensor, "FLOAT32"
        if key not in self._converted:
            self._converted[key] = self._dequantized(tensor)
        return self._converted[key]

    def as_integer(self, tensor: Tensor, dtype: str) -> Tensor | None:
        """Return an operand in an integer type, or None if its range is not known."""
        key = tensor, dtype
        if tensor.dtype == dtype:
            return tensor
        if key not in self._converted:
            converted = self._quantized(tensor, dtype)
            if converted is None:
                return None
            self._converted[key] = converted
        return self._converted[key]

    def float_result(self, tensor: Tensor) -> Tensor:
        """Return a FLOAT32 tensor that is quantized into a result."""
        result = Tensor(f"{tensor.name}/float", tensor.shape, "FLOAT32")
        self.behind.append(new_quantize(result, tensor))
        return result

    def integer_result(self, tensor: Tensor, dtype: str) -> Tensor | None:
        """Return a tensor of an integer type that is converted into a result."""
        if tensor.dtype == dtype:
            return tensor
        how = self._parameters(tensor, dtype)
        if how is None:
            return None
        result = Tensor(f"{tensor.name}/{dtype.lower()}", tensor.shape, dtype, quantization=how)
        is_real = tensor.dtype == "FLOAT32"
        convert = new_dequantize if is_real else new_quantize
        self.behind.append(convert(result, tensor))
        return result

    def _dequantized(self, tensor: Tensor) -> Tensor:
        result = Tensor(f"{tensor.name}/float", tensor.shape, "FLOAT32")
        if tensor.dtype in _WIDE:
            values = real_values(tensor)
            result.buffer = None if values is None else Buffer.of(values)
        else:
            self.before.append(new_dequantize(tensor, result))
        return result

    def _quantized(self, tensor: Tensor, dtype: str) -> Tensor | None:
        how = self._parameters(tensor, dtype)
        name = f"{tensor.name}/{dtype.lower()}"
        values = real_values(tensor) if tensor.is_constant else None
        if how is None or (tensor.is_constant and values is None):
            return None
        if values is not None:
            return stored(name, values, dtype, how)
        result = Tensor(name, tensor.shape, dtype, quantization=how)
        self.before.append(new_quantize(tensor, result))
        return result

    def _parameters(self, tensor: Tensor, dtype: str) -> Quantization | None:
        """Choose parameters for a tensor in another type: exact ones if there are."""
        own = tensor.quantization
        if own is not None and own.scale.size == 1 and dtype == "INT16":
            return Quantization(own.scale, np.zeros(1, np.int64))  # 16 bits hold every 8-bit step
        if tensor.is_constant:
            values = real_values(tensor)
            return None if values is None else symmetric(values, dtype)
        if tensor not in self._ranges:
            return None
        low, high = self._ranges[tensor]
        if dtype == "INT16":
            return symmetric(np.array([low, high], np.float32), dtype)
        return _affine(low, high, dtype)


def _affine(low: float, high: float, dtype: str) -> Quantization:
    """Return parameters whose range holds zero and both values."""
    least, most = integer_limits(Tensor("", (), dtype)) or (0, 1)
    low, high = min(low, 0.0), max(high, 0.0)
    scale = (high - low) / (most - least) or 1.0
    zero_point = int(np.clip(round(least - low / scale), least, most))
    return Quantization(np.array([scale], np.float32), np.array([zero_point], np.int64))
