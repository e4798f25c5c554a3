"""Builds the integer graph beside the float one: every tensor in the types that are asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from edgeseal.errors import ModelError
from edgeseal.tflite.graph import (
    Buffer,
    Operator,
    Quantization,
    Tensor,
    new_arithmetic,
    new_dequantize,
    new_quantize,
)
from edgeseal.tflite.probe import constant_values
from edgeseal.tflite.quantization.rewrite._fixed_layers import affine

__all__ = ["IntegerBuilder", "Span", "Values", "per_tensor", "scale_of", "symmetric"]

Values = NDArray[np.float32]
Span = tuple[float, float]
_TINY = float(np.finfo(np.float32).tiny) * 2**20  # scales below it make kernels refuse


@dataclass(slots=True)
class IntegerBuilder:
    """The integer graph under construction.

    Attributes:
        span: gives the smallest and largest value of a float tensor.
        operators: of the integer graph, in execution order.
        homes: the integer tensor in which each float tensor is computed.
        floats: tensors that are there as they were: given, computed in float, or no floats at all.
        wide: whether what comes from float becomes INT16.
        centred: tensors whose zero is to be stored as 0.
        rests: what rounding cut off from tensors that are sums of two, INT8 too.
        made: the integer operator of each float one.
        maximum_of: what each result of REDUCE_MAX is the maximum of.
    """

    span: Callable[[Tensor], Span]
    operators: list[Operator] = field(default_factory=list)
    homes: dict[Tensor, Tensor] = field(default_factory=dict)
    floats: set[Tensor] = field(default_factory=set)
    wide: bool = False
    centred: frozenset[Tensor] = frozenset()
    maximum_of: dict[Tensor, Tensor] = field(default_factory=dict)
    rests: dict[Tensor, Tensor] = field(default_factory=dict)
    made: dict[Operator, Operator] = field(default_factory=dict)
    _forms: dict[tuple[Tensor, str], Tensor] = field(default_factory=dict)

    def form(self, tensor: Tensor, dtype: str) -> Tensor:
        """Return a float tensor in an integer type; requantized if it is computed in another."""
        key = tensor, dtype
        if key not in self._forms:
            if tensor.is_constant:
                self._forms[key] = self._constant(tensor, dtype)
            else:
                home = self.home(tensor)
                self._forms[key] = home if home.dtype == dtype else self._converted(tensor, dtype)
        return self._forms[key]

    def home(self, tensor: Tensor) -> Tensor:
        """Return the integer tensor in which a float tensor is computed; quantized if none is."""
        if tensor not in self.homes:
            home = self.new(tensor, "INT16" if self.wide else "INT8")
            self.add(new_quantize(tensor, home))
        return self.homes[tensor]

    def real(self, tensor: Tensor) -> Tensor:
        """Return a tensor as it was in the float graph; dequantized if it is computed otherwise."""
        if not tensor.is_constant and tensor not in self.floats and tensor in self.homes:
            self.add(new_dequantize(self.homes[tensor], tensor))
            self.floats.add(tensor)
        return tensor

    def new(self, tensor: Tensor, dtype: str, quantization: Quantization | None = None) -> Tensor:
        """Return the integer tensor in which a float tensor is computed."""
        chosen = quantization or self.quantization(tensor, dtype)
        home = Tensor(tensor.name, tensor.shape, dtype, quantization=chosen)
        self.homes[tensor] = home
        return home

    def quantization(self, tensor: Tensor, dtype: str, least_scale: float = 0.0) -> Quantization:
        """Return the parameters that hold a tensor's values best, with steps no finer than that."""
        low, high = self.span(tensor)
        if high - low < least_scale * 255:
            high = low + least_scale * 255
        if dtype == "INT16":
            return symmetric(max(-low, high), 32767)
        return (
            symmetric(max(-low, high), 127)
            if tensor in self.centred
            else affine(low, high, least=_TINY)
        )

    def add(self, operator: Operator) -> None:
        """Append an operator."""
        self.operators.append(operator)

    def _converted(self, tensor: Tensor, dtype: str) -> Tensor:
        chosen = self.quantization(tensor, dtype)
        result = self._requantized(
            self.home(tensor), f"{tensor.name}/{dtype.lower()}", dtype, chosen
        )
        rest = self.rests.get(tensor) if dtype == "INT16" else None
        if rest is None:
            return result
        added = self._requantized(rest, f"{rest.name}/int16", dtype, chosen)
        both = Tensor(f"{tensor.name}/sum", tensor.shape, dtype, quantization=chosen)
        self.add(new_arithmetic("ADD", result, added, both))
        return both

    def _requantized(
        self, tensor: Tensor, name: str, dtype: str, quantization: Quantization
    ) -> Tensor:
        result = Tensor(name, tensor.shape, dtype, quantization=quantization)
        self.add(new_quantize(tensor, result))
        return result

    def _constant(self, tensor: Tensor, dtype: str) -> Tensor:
        values = constant_values(tensor)
        if values is None or tensor.dtype != "FLOAT32":
            raise ModelError(f"constant {tensor.name!r} is {tensor.dtype}, expected FLOAT32")
        largest = float(np.abs(values).max(initial=0))
        levels, kind = (127, np.int8) if dtype == "INT8" else (32767, np.int16)
        scale = max(largest / levels, _TINY) if largest else 1.0
        stored = np.rint(values / scale).clip(-levels, levels).astype(kind)
        return Tensor(
            f"{tensor.name}/{dtype.lower()}",
            tensor.shape,
            dtype,
            Buffer.of(stored),
            per_tensor(scale, 0),
        )


def symmetric(largest: float, levels: int) -> Quantization:
    """Return parameters that spread ``levels`` integers over 0 to ``largest``, both ways."""
    return per_tensor(max(largest / levels, _TINY), 0)


def per_tensor(scale: float, zero: int) -> Quantization:
    """Return parameters for a whole tensor."""
    return Quantization(np.array([scale], np.float32), np.array([zero], np.int64))


def scale_of(tensor: Tensor) -> float:
    """Return the one scale of a tensor."""
    assert tensor.quantization is not None
    return float(tensor.quantization.scale[0])
