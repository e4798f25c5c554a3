"""A graph under construction: values in the layout they are stored in, names and constants."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from edgeseal.tflite.graph import Buffer, Operator, Tensor, int32_constant, new_operator
from edgeseal.watermark.convert._c_order import in_c_order

__all__ = ["LoweringBuilder", "Operand", "Shape", "Value"]

_TYPES = {
    torch.float32: "FLOAT32",
    torch.float64: "FLOAT32",
    torch.int64: "INT32",
    torch.int32: "INT32",
    torch.bool: "BOOL",
}
_STORED = {"FLOAT32": torch.float32, "INT32": torch.int32, "BOOL": torch.bool}

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Value:
    """A PyTorch value that is computed at run time.

    PyTorch convolves NCHW, LiteRT NHWC. So a permutation makes no operator yet: the value remembers
    it, and most are undone by the next one.

    Attributes:
        tensor: the value as it is stored.
        order: dimension i of the value is dimension ``order[i]`` of the tensor.
    """

    tensor: Tensor
    order: Shape

    @classmethod
    def of(cls, tensor: Tensor) -> Value:
        """Return the value that is stored as it is."""
        return cls(tensor, tuple(range(tensor.rank)))

    @property
    def shape(self) -> Shape:
        """PyTorch's shape of it."""
        return tuple(self.tensor.shape[axis] for axis in self.order)

    def permuted(self, dims: Sequence[int]) -> Value:
        """Return it with dimension i being dimension ``dims[i]`` of now."""
        return Value(self.tensor, tuple(self.order[dim] for dim in dims))


# What an operator of PyTorch's takes: a value, a constant, a number.
Operand = Value | torch.Tensor | float


class LoweringBuilder:
    """Appends operators.

    Attributes:
        operators: in execution order.
        scope: where the program is, as tensor names spell it.
    """

    def __init__(self) -> None:
        self.operators: list[Operator] = []
        self.scope = ""
        self._names: Counter[str] = Counter()
        self._makers: dict[Tensor, Operator] = {}
        self._results: dict[tuple[Any, ...], Tensor] = {}
        self._constants: dict[tuple[Any, ...], tuple[torch.Tensor, Tensor]] = {}
        self._integers: dict[str, Tensor] = {}
        self._numbers: dict[float, torch.Tensor] = {}

    def op(
        self,
        kind: str,
        inputs: Sequence[Tensor | None],
        shape: Sequence[int],
        *,
        dtype: str = "FLOAT32",
        **options: Any,
    ) -> Tensor:
        """Return the result of an operator, which is appended unless the same is there already."""
        key = kind, tuple(inputs), tuple(sorted(options.items()))
        if key in self._results:
            return self._results[key]
        result = Tensor(self._name(), tuple(shape), dtype)
        operator = new_operator(kind, [*inputs], [result], **options)
        self.operators.append(operator)
        self._makers[result] = operator
        self._results[key] = result
        return result

    def plain(self, operand: Operand) -> Tensor:
        """Return an operand stored as PyTorch sees it."""
        if not isinstance(operand, Value):
            return self.constant(self._constant_of(operand))
        if operand.order == tuple(range(len(operand.order))):
            return operand.tensor
        return self._turn(operand)

    def stored(self, operand: Operand, order: Shape) -> Tensor:
        """Return an operand stored in an order of dimensions, of their number or broadcast to it.

        A value is of that order, or the order is PyTorch's own.
        """
        if isinstance(operand, Value):
            return operand.tensor if operand.order == order else self.plain(operand)
        constant = self._constant_of(operand)
        if constant.numel() == 1:
            return self.constant(constant.reshape(()))
        lead = len(order) - constant.ndim
        constant = constant.reshape((1,) * lead + tuple(constant.shape))
        return self.constant(constant.permute([order.index(axis) for axis in range(len(order))]))

    def channels_last(self, operand: Operand) -> Tensor:
        """Return an NCHW operand stored as NHWC."""
        if isinstance(operand, Value):
            return self.plain(operand.permuted((0, 2, 3, 1)))
        return self.constant(self._constant_of(operand).permute(0, 2, 3, 1))

    def reshaped(self, tensor: Tensor, shape: Sequence[int]) -> Tensor:
        """Return a tensor in another shape; of several reshapes in a row one is left."""
        while (maker := self._makers.get(tensor)) is not None and maker.kind == "RESHAPE":
            (tensor,) = (t for t in maker.inputs[:1] if t is not None)
        if tensor.shape == tuple(shape):
            return tensor
        return self.op("RESHAPE", [tensor, self.integers(shape)], shape, dtype=tensor.dtype)

    def constant(self, values: torch.Tensor) -> Tensor:
        """Return a constant; it shares PyTorch's memory where the layout is the same."""
        key = values.data_ptr(), tuple(values.shape), values.stride(), values.dtype
        if key not in self._constants:
            dtype = _TYPES[values.dtype]
            array = in_c_order(values.detach().to(_STORED[dtype]).numpy())
            made = Tensor(self._name(), tuple(values.shape), dtype, Buffer.of(array))
            self._constants[key] = values, made  # keeps the memory, whose address is the key
        return self._constants[key][1]

    def integers(self, values: Sequence[int] | Sequence[Sequence[int]]) -> Tensor:
        """Return an INT32 constant that is no weight: a shape, axes, paddings."""
        name = str(np.array(values).tolist())
        if name not in self._integers:
            self._integers[name] = int32_constant(name, values)
        return self._integers[name]

    def _constant_of(self, operand: torch.Tensor | float) -> torch.Tensor:
        """Return a number as a tensor, the same for the same number."""
        if isinstance(operand, torch.Tensor):
            return operand
        return self._numbers.setdefault(float(operand), torch.tensor(float(operand)))

    def _name(self) -> str:
        number = self._names[self.scope]
        self._names[self.scope] += 1
        return f"{self.scope}{number or ''}"

    def _turn(self, value: Value) -> Tensor:
        moved = [axis for axis in value.order if value.tensor.shape[axis] != 1]
        if moved == sorted(moved):
            return self.reshaped(value.tensor, value.shape)
        order = self.integers(value.order)
        dtype = value.tensor.dtype
        return self.op("TRANSPOSE", [value.tensor, order], value.shape, dtype=dtype)
