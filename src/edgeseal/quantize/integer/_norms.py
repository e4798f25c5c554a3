"""Layer norms in a form that integers compute well; the same function in float.

y = (x - m) * r with m = mean(x), r = 1 / sqrt(var(x) + eps) becomes, over rows of a matrix,

- var from sums: C var = sum(x^2) - sum(x)^2 / C, where sums keep all bits and x is read twice;
- y' = x * r, without subtracting the mean, wherever only layers with constant weights read y:
  their weights are centred over their inputs instead, W (x - m 1) = (W - mean(W)) x;
- matrices, because a sum over the last axis of a map is what compilers for NPUs refuse.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from edgeseal.graph import Buffer, Operator, Subgraph, Tensor, new_operator
from edgeseal.probe import constant_values
from edgeseal.quantize._layers import WEIGHTS_INPUT
from edgeseal.quantize._terms import float_constant
from edgeseal.quantize._weights import constant

__all__ = ["rewrite_norms"]

_CENTRED = ("FULLY_CONNECTED", "CONV_2D")  # layers whose every output reads all channels
_NO_ACTIVATION = 0  # ActivationFunctionType.NONE


@dataclass(frozen=True, slots=True)
class _Norm:
    source: Tensor
    epsilon: float
    result: Operator  # the product with 1 / deviation


def rewrite_norms(subgraph: Subgraph) -> int:
    """Rewrite every layer norm over the last axis.

    Returns:
        How many there were.
    """
    norms = list(_find(subgraph))
    for norm in norms:
        _rewrite(subgraph, norm)
    return len(norms)


def _find(subgraph: Subgraph) -> Iterator[_Norm]:
    makers, readers = subgraph.producers(), subgraph.consumers()
    for root in subgraph.operators:
        if root.kind != "RSQRT":
            continue
        epsilon, variance = _variance(root.inputs[0], makers)
        if variance is None:
            continue
        deviation = root.outputs[0]
        users = readers[deviation]
        while len(users) == 1 and users[0].kind == "RESHAPE":
            deviation = users[0].outputs[0]
            users = readers[deviation]
        centred = _squared(variance, makers)
        if centred is None or len(users) != 1 or not _is_plain(users[0], "MUL"):
            continue
        source = _centred_of(centred, makers)
        other = [t for t in users[0].inputs if t is not deviation]
        if source is None or other != [centred]:
            continue
        yield _Norm(source, epsilon, users[0])


def _variance(
    tensor: Tensor | None, makers: dict[Tensor, Operator]
) -> tuple[float, Operator | None]:
    """Walk back over what adds epsilon to the operator that takes the mean of squares."""
    epsilon = 0.0
    while tensor is not None and (maker := makers.get(tensor)) is not None:
        if maker.kind == "RESHAPE":
            tensor = maker.inputs[0]
        elif _is_plain(maker, "ADD"):
            constants = [t for t in maker.inputs if t is not None and t.is_constant]
            if len(constants) != 1 or math.prod(constants[0].shape) != 1:
                break
            epsilon += float(constant(constants[0]).reshape(-1)[0])
            (tensor,) = (t for t in maker.inputs if t is not constants[0])
        elif maker.kind == "MEAN" and _is_last_axis(maker):
            return epsilon, maker
        else:
            break
    return 0.0, None


def _is_plain(operator: Operator, kind: str) -> bool:
    """Whether it is of a kind, and no activation is fused into it."""
    if operator.kind != kind:
        return False
    return operator.options is None or operator.options.fusedActivationFunction == _NO_ACTIVATION


def _is_last_axis(mean: Operator) -> bool:
    source, axes = mean.inputs
    assert source is not None
    assert axes is not None
    values = constant_values(axes)
    return values is not None and list(values.reshape(-1) % source.rank) == [source.rank - 1]


def _squared(variance: Operator, makers: dict[Tensor, Operator]) -> Tensor | None:
    source = variance.inputs[0]
    maker = None if source is None else makers.get(source)
    if maker is None or not _is_plain(maker, "MUL") or maker.inputs[0] is not maker.inputs[1]:
        return None
    return maker.inputs[0]


def _centred_of(centred: Tensor, makers: dict[Tensor, Operator]) -> Tensor | None:
    maker = makers.get(centred)
    if maker is None or not _is_plain(maker, "SUB"):
        return None
    source, mean = maker.inputs
    averaged = None if mean is None else makers.get(mean)
    if averaged is None or averaged.kind != "MEAN" or not _is_last_axis(averaged):
        return None
    return source if averaged.inputs[0] is source else None


def _rewrite(subgraph: Subgraph, norm: _Norm) -> None:
    made = _Rows(norm)
    source, result = norm.source, norm.result.outputs[0]
    folds = _fold_mean(subgraph, result)
    made.rows = source if source.rank == 2 else made.reshaped(source, made.shape)
    deviation = made.deviation()
    centred = made.rows if folds else made.op("SUB", [made.rows, made.mean], made.shape)
    if result.rank == 2:
        made.operators.append(_new("MUL", [centred, deviation], result))
    else:
        rows = made.op("MUL", [centred, deviation], made.shape)
        shape = Tensor(
            "shape", (result.rank,), "INT32", Buffer.of(np.array(result.shape, np.int32))
        )
        made.operators.append(new_operator("RESHAPE", [rows, shape], [result]))
    place = subgraph.operators.index(norm.result)
    subgraph.operators[place : place + 1] = made.operators


class _Rows:
    """The operators of a norm over the rows of a matrix."""

    def __init__(self, norm: _Norm) -> None:
        self.operators: list[Operator] = []
        self.channels = norm.source.shape[-1]
        self.shape = (math.prod(norm.source.shape[:-1]), self.channels)
        self.rows = norm.source
        self._epsilon = norm.epsilon
        self._name = norm.result.outputs[0].name

    def deviation(self) -> Tensor:
        """Return 1 / sqrt(var + eps), float32 [T, 1]; sets the mean beside it."""
        column = (self.shape[0], 1)
        squares = self.op("MUL", [self.rows, self.rows], self.shape)
        total, power = self._sum(self.rows), self._sum(squares)
        share = self.op("MUL", [total, self._scalar(1 / math.sqrt(self.channels))], column)
        self.mean = self.op("MUL", [total, self._scalar(1 / self.channels)], column)
        spread = self.op("SUB", [power, self.op("MUL", [share, share], column)], column)
        safe = self.op("ADD", [spread, self._scalar(self.channels * self._epsilon)], column)
        root = self.op("RSQRT", [safe], column)
        return self.op("MUL", [root, self._scalar(math.sqrt(self.channels))], column)

    def op(self, kind: str, inputs: list[Tensor], shape: tuple[int, ...]) -> Tensor:
        """Append an operator and return its result."""
        result = Tensor(f"{self._name}/norm_{len(self.operators)}", shape, "FLOAT32")
        self.operators.append(_new(kind, inputs, result))
        return result

    def reshaped(self, tensor: Tensor, shape: tuple[int, ...]) -> Tensor:
        """Append a RESHAPE and return its result."""
        numbers = np.array(shape, np.int32)
        wanted = Tensor("shape", (len(shape),), "INT32", Buffer.of(numbers))
        result = Tensor(f"{self._name}/rows_{len(self.operators)}", shape, "FLOAT32")
        self.operators.append(new_operator("RESHAPE", [tensor, wanted], [result]))
        return result

    def _sum(self, tensor: Tensor) -> Tensor:
        axes = Tensor("axis", (1,), "INT32", Buffer.of(np.array([1], np.int32)))
        result = Tensor(f"{self._name}/sum_{len(self.operators)}", (self.shape[0], 1), "FLOAT32")
        self.operators.append(new_operator("SUM", [tensor, axes], [result], keepDims=True))
        return result

    def _scalar(self, value: float) -> Tensor:
        return float_constant(f"{self._name}/{value:.6g}", np.array([[value]], np.float32))


def _new(kind: str, inputs: list[Tensor], result: Tensor) -> Operator:
    if kind == "RSQRT":
        return new_operator(kind, [*inputs], [result])
    return new_operator(kind, [*inputs], [result], fusedActivationFunction=0)


def _fold_mean(subgraph: Subgraph, result: Tensor) -> bool:
    """Centre the weights of all readers of a norm, if that is possible."""
    readers = subgraph.consumers()
    layers: list[Operator] = []
    waiting = [result]
    while waiting:
        tensor = waiting.pop()
        if tensor in subgraph.outputs:
            return False
        for reader in readers.get(tensor, []):
            if reader.kind == "RESHAPE" and reader.outputs[0].shape[-1] == tensor.shape[-1]:
                waiting.append(reader.outputs[0])
            elif _reads_all_channels(reader, tensor):
                layers.append(reader)
            else:
                return False
    centred: dict[Tensor, Tensor] = {}
    for layer in layers:
        weights = layer.inputs[WEIGHTS_INPUT]
        assert weights is not None
        if weights not in centred:
            values = constant(weights)
            centred[weights] = float_constant(
                weights.name, values - values.mean(axis=-1, keepdims=True)
            )
        layer.inputs[WEIGHTS_INPUT] = centred[weights]
    return bool(layers)


def _reads_all_channels(reader: Operator, tensor: Tensor) -> bool:
    if reader.kind not in _CENTRED or reader.inputs[0] is not tensor:
        return False
    weights = reader.inputs[WEIGHTS_INPUT]
    return (
        weights is not None
        and weights.is_constant
        and weights.dtype == "FLOAT32"
        and weights.shape[-1] == tensor.shape[-1]
    )
