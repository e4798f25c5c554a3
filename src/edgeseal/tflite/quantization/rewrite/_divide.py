"""Divides a tensor by factors, channel by channel, with no operator more than before.

Whatever makes the tensor takes the division over: rows of a layer's weights, the constant of a
multiplication, and so on backwards through everything that is linear in the values: additions,
reshapes, transposes, products with attention weights. All else that would see the division forbids
it. So this sees through any form that converters give a normalisation and its affine part.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseal.tflite.graph import Operator, Subgraph, Tensor, float32_constant
from edgeseal.tflite.quantization.weights._integer_weights import constant

__all__ = ["Division"]

Float = NDArray[np.float32]

_NONE, _RELU = 0, 1  # ActivationFunctionType: what positive factors pass through
_LAYERS = {"FULLY_CONNECTED": 0, "CONV_2D": 0, "DEPTHWISE_CONV_2D": 3}  # axis of output channels
_PER_CHANNEL = (
    "AVERAGE_POOL_2D", "LEAKY_RELU", "MAX_POOL_2D", "MIRROR_PAD", "PAD", "RELU", "RESIZE_BILINEAR",
    "RESIZE_NEAREST_NEIGHBOR",
)  # fmt: skip
_REDUCTIONS = ("MEAN", "SUM")
_SUMS = ("ADD", "SUB")
_PRODUCTS = ("MUL", "DIV")


@dataclass(slots=True)
class _State:
    """Tensors and constants with what divides them; constants by who reads them where."""

    divisors: dict[Tensor, Float] = field(default_factory=dict)
    constants: dict[tuple[Operator, int], Float] = field(default_factory=dict)

    def copy(self) -> _State:
        return _State(dict(self.divisors), dict(self.constants))


class Division:
    """Divisions of a subgraph's tensors; nothing changes before :meth:`apply`."""

    def __init__(self, subgraph: Subgraph) -> None:
        self._subgraph = subgraph
        self._producers = subgraph.producers()
        self._consumers = subgraph.consumers()
        self._ends = {*subgraph.inputs, *subgraph.outputs}
        self._state = _State()
        self._readers: Collection[Operator] = ()

    def fresh(self) -> Division:
        """Return one of the same subgraph, as long as that is not changed, with nothing planned."""
        other = copy.copy(self)
        other._state, other._readers = _State(), ()
        return other

    def plan(self, tensor: Tensor, divisor: Float, readers: Collection[Operator]) -> bool:
        """Find out how a tensor is divided; say whether it can be.

        Args:
            tensor: what to divide.
            divisor: float32 [channels] of its last dimension, positive.
            readers: operators that will be adapted to it by the caller.
        """
        self._state, self._readers = _State(), readers
        shape = (1,) * (tensor.rank - 1) + (divisor.size,)
        return self._divide(tensor, divisor.reshape(shape))

    def apply(self) -> None:
        """Make the planned changes."""
        for (operator, position), divisor in self._state.constants.items():
            old = operator.inputs[position]
            if old is None:
                raise TypeError(f"{operator!r} has no operand {position}")  # it was planned
            operator.inputs[position] = float32_constant(old.name, constant(old) / divisor)

    def layer_results(self) -> dict[Tensor, Float]:
        """Return the results of layers that will be divided: float32 [channels] by tensor."""
        return {
            tensor: divisor.reshape(-1)
            for tensor, divisor in self._state.divisors.items()
            if self._producers[tensor].kind in _LAYERS
        }

    def _divide(self, tensor: Tensor, divisor: Float) -> bool:
        """Plan ``tensor / divisor``; the divisor has the tensor's rank and may be broadcast."""
        divisor = _compressed(divisor)
        if _reduced(divisor, tensor.shape) is None:
            return False  # an operator on the way, such as a PAD, changed the number of channels
        known = self._state.divisors.get(tensor)
        if known is not None:
            return known.shape == divisor.shape and np.allclose(known, divisor, rtol=1e-6)
        if tensor in self._ends or tensor.dtype != "FLOAT32" or tensor not in self._producers:
            return False
        self._state.divisors[tensor] = divisor
        return self._divide_producer(self._producers[tensor], divisor) and all(
            self._divide_result(reader, tensor, divisor)
            for reader in self._consumers[tensor]
            if reader not in self._readers
        )

    def _divide_producer(self, operator: Operator, divisor: Float) -> bool:
        """Plan what makes ``operator`` give its result divided."""
        if operator.is_custom or not _is_homogeneous(operator):
            return False
        if operator.kind in _LAYERS:
            return self._divide_layer(operator, divisor)
        rules: dict[str, Callable[[Operator, Float], bool]] = {
            "RESHAPE": self._divide_reshape,
            "TRANSPOSE": self._divide_transpose,
            "BATCH_MATMUL": self._divide_product_of_matrices,
            "CONCATENATION": self._divide_parts,
            **dict.fromkeys(_SUMS, self._divide_sum),
            **dict.fromkeys(_PRODUCTS, self._divide_product),
            **dict.fromkeys(_PER_CHANNEL, self._divide_per_channel),
            **dict.fromkeys(_REDUCTIONS, self._divide_reduction),
        }
        rule = rules.get(operator.kind)
        return rule is not None and rule(operator, divisor)

    def _divide_result(self, operator: Operator, tensor: Tensor, divisor: Float) -> bool:
        """Plan what follows for the result of an operator that reads a divided tensor."""
        if operator.inputs.count(tensor) != 1 or len(operator.outputs) != 1:
            return False
        if operator.is_custom or not _is_homogeneous(operator):
            return False
        result = operator.outputs[0]
        follows = _forward(operator, operator.inputs.index(tensor), tensor, divisor)
        return follows is not None and self._divide(result, follows)

    def _operand(self, operator: Operator, position: int, divisor: Float) -> bool:
        """Plan the division of an operand, which may be smaller than the divisor's tensor."""
        tensor = operator.inputs[position]
        if tensor is None:
            return False
        if tensor.is_constant:
            if tensor.dtype != "FLOAT32":
                return False
            self._state.constants[operator, position] = _compressed(divisor)
            return True
        reduced = _reduced(_compressed(divisor), tensor.shape)
        return reduced is not None and self._divide(tensor, reduced)

    def _divide_layer(self, operator: Operator, divisor: Float) -> bool:
        weights, channels = operator.inputs[1], _channels(divisor, operator.outputs[0])
        if channels is None or weights is None or not weights.is_constant:
            return False
        axis = _LAYERS[operator.kind]
        if weights.dtype != "FLOAT32" or weights.shape[axis] != channels.size:
            return False
        shape = [1] * weights.rank
        shape[axis] = -1
        self._state.constants[operator, 1] = channels.reshape(shape)
        if len(operator.inputs) > 2 and operator.inputs[2] is not None:
            return self._operand(operator, 2, channels)
        return True

    def _divide_sum(self, operator: Operator, divisor: Float) -> bool:
        return all(self._operand(operator, position, divisor) for position in (0, 1))

    def _divide_product(self, operator: Operator, divisor: Float) -> bool:
        """Let one factor take the division: a constant if there is one, else what works."""
        first, second = operator.inputs[0], operator.inputs[1]
        if second is not None and second.is_constant:
            power = divisor if operator.kind == "MUL" else np.float32(1) / divisor
            return self._operand(operator, 1, power)
        positions = (0, 1) if operator.kind == "MUL" else (0,)
        known = [p for p in positions if operator.inputs[p] in self._state.divisors]
        if len(known) > 1 or first is second:
            return False
        if first is not None and first.is_constant and operator.kind == "MUL":
            return not known and self._operand(operator, 0, divisor)
        return self._attempt(operator, known or positions, divisor)

    def _attempt(self, operator: Operator, positions: Collection[int], divisor: Float) -> bool:
        before = self._state.copy()
        for position in positions:
            if self._operand(operator, position, divisor):
                return True
            self._state = before.copy()
        return False

    def _divide_reshape(self, operator: Operator, divisor: Float) -> bool:
        source, result = operator.inputs[0], operator.outputs[0]
        if source is None:
            return False
        return self._divide(source, _reshaped(divisor, result.shape, source.shape))

    def _divide_transpose(self, operator: Operator, divisor: Float) -> bool:
        source, order = operator.inputs[0], _order(operator)
        if source is None or order is None:
            return False
        return self._divide(source, divisor.transpose(np.argsort(order)))

    def _divide_product_of_matrices(self, operator: Operator, divisor: Float) -> bool:
        right = operator.inputs[1]
        if right is None or right.rank != divisor.ndim or divisor.shape[-2] != 1:
            return False
        batch = zip(divisor.shape[:-2], right.shape[:-2], strict=True)
        if any(size not in (1, have) for size, have in batch):
            return False
        if operator.options is not None and operator.options.adjY:
            divisor = divisor.swapaxes(-1, -2)
        return self._operand(operator, 1, divisor)

    def _divide_per_channel(self, operator: Operator, divisor: Float) -> bool:
        source, channels = operator.inputs[0], _channels(divisor, operator.outputs[0])
        return channels is not None and source is not None and self._divide_last(source, channels)

    def _divide_reduction(self, operator: Operator, divisor: Float) -> bool:
        return _keeps_last(operator) and self._divide_per_channel(operator, divisor)

    def _divide_parts(self, operator: Operator, divisor: Float) -> bool:
        """Divide what is concatenated along the last dimension."""
        result, channels = operator.outputs[0], _channels(divisor, operator.outputs[0])
        axis = 0 if operator.options is None else operator.options.axis
        if channels is None or axis not in (-1, result.rank - 1):
            return False
        start = 0
        for tensor in operator.inputs:
            if tensor is None or tensor.is_constant:
                return False
            part = channels[start : start + tensor.shape[-1]]
            start += tensor.shape[-1]
            if not np.all(part == 1) and not self._divide_last(tensor, part):
                return False
        return True

    def _divide_last(self, tensor: Tensor, channels: Float) -> bool:
        return self._divide(tensor, channels.reshape((1,) * (tensor.rank - 1) + (-1,)))


def _forward(operator: Operator, position: int, tensor: Tensor, divisor: Float) -> Float | None:
    """Return what divides the result of an operator if its operand is divided."""
    result = operator.outputs[0]
    if (
        operator.kind in _SUMS
        or operator.kind == "MUL"
        or (operator.kind == "DIV" and position == 0)
    ):
        missing = result.rank - divisor.ndim
        return divisor.reshape((1,) * missing + divisor.shape)
    if position != 0 and operator.kind != "BATCH_MATMUL":
        return None
    if operator.kind == "RESHAPE":
        return _reshaped(divisor, tensor.shape, result.shape)
    if operator.kind == "TRANSPOSE":
        order = _order(operator)
        return None if order is None else divisor.transpose(order)
    if operator.kind == "BATCH_MATMUL" and position == 1 and divisor.ndim == result.rank:
        if operator.options is not None and operator.options.adjY:
            divisor = divisor.swapaxes(-1, -2)
        return divisor if divisor.shape[-2] == 1 else None
    if operator.kind in _PER_CHANNEL or (operator.kind in _REDUCTIONS and _keeps_last(operator)):
        channels = _channels(divisor, tensor)
        return None if channels is None else channels.reshape((1,) * (result.rank - 1) + (-1,))
    return None


def _is_homogeneous(operator: Operator) -> bool:
    """Whether the fused activation lets positive factors pass."""
    return getattr(operator.options, "fusedActivationFunction", _NONE) in (_NONE, _RELU)


def _keeps_last(operator: Operator) -> bool:
    """Whether a reduction leaves the last dimension alone."""
    source, axes = operator.inputs[0], operator.inputs[1]
    if source is None or axes is None or axes.buffer is None:
        return False
    found = axes.buffer.data.view(np.int32) % source.rank
    return source.rank - 1 not in found


def _order(operator: Operator) -> NDArray[Any] | None:
    order = operator.inputs[1]
    if order is None or order.buffer is None or order.dtype != "INT32":
        return None
    return order.buffer.data.view(np.int32)


def _channels(divisor: Float, tensor: Tensor) -> Float | None:
    """Return a divisor that varies along the last dimension alone: float32 [channels]."""
    divisor = _compressed(divisor)
    if divisor.size != divisor.shape[-1] or not tensor.shape:
        return None
    return np.broadcast_to(divisor.reshape(-1), (tensor.shape[-1],)).astype(np.float32)


def _reshaped(divisor: Float, shape: tuple[int, ...], other: tuple[int, ...]) -> Float:
    if shape[-1:] == other[-1:] and divisor.size == divisor.shape[-1]:
        return divisor.reshape((1,) * (len(other) - 1) + (-1,))
    return _compressed(np.broadcast_to(divisor, shape).reshape(other))


def _reduced(divisor: Float, shape: tuple[int, ...]) -> Float | None:
    """Return a divisor in the rank of an operand that is broadcast; None where it has no room."""
    extra = divisor.ndim - len(shape)
    if extra < 0 or any(size != 1 for size in divisor.shape[:extra]):
        return None
    reduced: Float = divisor.reshape(divisor.shape[extra:])
    sizes: tuple[int, ...] = reduced.shape
    fits = all(size in (1, have) for size, have in zip(sizes, shape, strict=True))
    return reduced if fits else None


def _compressed(divisor: Float) -> Float:
    """Return a divisor without repetition along the dimensions where it is constant."""
    for axis in range(divisor.ndim):
        if divisor.shape[axis] > 1:
            first: Float = divisor.take([0], axis)
            if np.array_equal(np.broadcast_to(first, divisor.shape), divisor):
                divisor = first
    return divisor
