"""What an operator is used with: the types, dimensions and options that its version hangs on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from edgeseal.tflite.graph._tensor import Tensor

__all__ = [
    "MANY",
    "OperatorUse",
    "count_scales",
    "has_parameters",
    "has_several_scales",
    "is_per_channel",
]

MANY = 4
"""Dimensions that operators took from the start."""


@dataclass(frozen=True, slots=True)
class OperatorUse:
    """A use of an operator."""

    inputs: Sequence[Tensor | None]
    outputs: Sequence[Tensor]
    options: Any

    def type_of(self, place: int) -> str:
        """Return the type of an operand; empty where it is absent."""
        tensor = self.operand(place)
        return "" if tensor is None else tensor.dtype

    def operand(self, place: int) -> Tensor | None:
        """Return an operand; None where it is absent."""
        return self.inputs[place] if place < len(self.inputs) else None

    def rank(self, place: int = 0) -> int:
        """Return the number of an operand's dimensions; 0 where it is absent."""
        tensor = self.operand(place)
        return 0 if tensor is None else tensor.rank

    def has(self, *types: str) -> bool:
        """Whether the first operand, the second and the first result have these types."""
        return (self.type_of(0), self.type_of(1), self.result_type()) == types

    def result_type(self) -> str:
        """Return the type of the first result."""
        return self.outputs[0].dtype if self.outputs else ""

    def option(self, name: str) -> Any:
        """Return an option; 0 where there are none, as the runtime has it then."""
        return getattr(self.options, name, 0)

    def broadcasts(self) -> bool:
        """Whether two operands of unlike shapes meet, one of them with many dimensions."""
        shapes = [() if tensor is None else tensor.shape for tensor in self.inputs]
        return len(shapes) > 1 and shapes[0] != shapes[1] and max(map(len, shapes)) > MANY


def has_parameters(tensor: Tensor | None) -> bool:
    """Whether a file has a record of quantization for a tensor, with or without scales."""
    if tensor is None:
        return False
    return tensor.quantization is not None or bool(tensor.raw and tensor.raw.quantization)


def count_scales(tensor: Tensor | None) -> int:
    """Return the number of scales of a tensor; 0 for a float one."""
    quantization = None if tensor is None else tensor.quantization
    return 0 if quantization is None else int(quantization.scale.size)


def is_per_channel(tensor: Tensor | None, axis: int) -> bool:
    """Whether there is a scale for each channel, even if there is one channel only."""
    return tensor is not None and axis < tensor.rank and count_scales(tensor) == tensor.shape[axis]


def has_several_scales(tensor: Tensor | None) -> bool:
    """Whether a tensor has a scale for each of its channels, two or more."""
    if tensor is None or tensor.quantization is None or count_scales(tensor) < 2:
        return False
    return is_per_channel(tensor, tensor.quantization.axis)
