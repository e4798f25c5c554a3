"""Layer norms in a form that integers compute well; the same function in float.

y = (x - m) * r with m = mean(x), r = 1 / sqrt(var(x) + eps) becomes, over rows of a matrix,

- var from the products of neighbouring rows (x - m) with each other, whose diagonal is its sum of
  squares: one product of INT8 matrices, rounded once; where everything is INT16, or rows do not
  come in groups, from sums that keep all bits, C var = sum(x^2) - sum(x)^2 / C;
- m = 0 where a layer that nothing else reads makes x: its results are centred by its weights;
- y' = x * r, without subtracting the mean, wherever only layers with constant weights read y:
  their weights are centred over their inputs instead, W (x - m 1) = (W - mean(W)) x;
- matrices, because a sum over the last axis of a map is what compilers for NPUs refuse.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

from edgeseal.tflite.graph import (
    NO_ACTIVATION,
    Operator,
    Subgraph,
    Tensor,
    float32_constant,
)
from edgeseal.tflite.probe import constant_values
from edgeseal.tflite.quantization._weighted_layers import WEIGHTS_INPUT
from edgeseal.tflite.quantization.integer._rows import Rows
from edgeseal.tflite.quantization.weights._integer_weights import constant

__all__ = ["Norms", "rewrite_norms"]

_CENTRED = ("FULLY_CONNECTED", "CONV_2D")  # layers whose every output reads all channels
_BIAS_INPUT = 2


@dataclass(slots=True)
class Norms:
    """What is to be known of rewritten norms.

    Attributes:
        count: how many there were.
        narrow: operators that INT8 is enough for, though they lead to or follow a root.
        spans: tensors whose values that count are those of another.
        sources: what was normalized.
    """

    count: int = 0
    narrow: set[Operator] = field(default_factory=set)
    spans: dict[Tensor, Tensor] = field(default_factory=dict)
    sources: list[Tensor] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Norm:
    source: Tensor
    epsilon: float
    result: Operator  # the product with 1 / deviation


def rewrite_norms(subgraph: Subgraph, *, all_wide: bool = False) -> Norms:
    """Rewrite every layer norm over the last axis.

    Args:
        subgraph: a float graph; changed in place.
        all_wide: for graphs that are INT16 throughout.
    """
    found = Norms()
    for norm in list(_find(subgraph)):
        rows = _rewrite(subgraph, norm, all_wide=all_wide)
        found.count += 1
        found.narrow |= rows.narrow
        found.spans |= rows.spans
        found.sources.append(norm.source)
    return found


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
    return operator.options is None or operator.options.fusedActivationFunction == NO_ACTIVATION


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


def _rewrite(subgraph: Subgraph, norm: _Norm, *, all_wide: bool) -> Rows:
    source, result = norm.source, norm.result.outputs[0]
    rows = Rows(result.name, source, norm.epsilon)
    grouped = not all_wide and rows.can_be_grouped
    is_centred = grouped and _centre_maker(subgraph, source)
    folds = is_centred or _fold_mean(subgraph, result)
    deviation = rows.deviation_of_groups(is_centred) if grouped else rows.deviation_of_sums()
    rows.product(rows.rows if folds else rows.centred(), deviation, result)
    place = subgraph.operators.index(norm.result)
    subgraph.operators[place : place + 1] = rows.operators
    return rows


def _centre_maker(subgraph: Subgraph, source: Tensor) -> bool:
    """Centre the results of the layer that makes what is normalized, if nothing else reads them."""
    makers, readers = subgraph.producers(), subgraph.consumers()
    tensor = source
    while True:
        if tensor in subgraph.outputs or not _is_only_normalized(tensor, source, readers):
            return False
        maker = makers.get(tensor)
        if maker is None or maker.kind != "RESHAPE":
            break
        before = maker.inputs[0]
        if before is None or before.shape[-1] != source.shape[-1]:
            return False
        tensor = before
    if maker is None or not _gives_all_channels(maker):
        return False
    weights = maker.inputs[WEIGHTS_INPUT]
    assert weights is not None
    values = constant(weights)
    maker.inputs[WEIGHTS_INPUT] = float32_constant(
        weights.name, values - values.mean(axis=0, keepdims=True)
    )
    bias = maker.inputs[_BIAS_INPUT] if len(maker.inputs) > _BIAS_INPUT else None
    if bias is not None:
        given = constant(bias)
        maker.inputs[_BIAS_INPUT] = float32_constant(bias.name, given - given.mean())
    return True


def _is_only_normalized(
    tensor: Tensor, source: Tensor, readers: dict[Tensor, list[Operator]]
) -> bool:
    """Whether a tensor is read by its norm alone: by its MEAN and its SUB, or on the way there."""
    kinds = sorted(reader.kind for reader in readers[tensor])
    return kinds == (["MEAN", "SUB"] if tensor is source else ["RESHAPE"])


def _gives_all_channels(maker: Operator) -> bool:
    weights = maker.inputs[WEIGHTS_INPUT] if maker.kind in _CENTRED else None
    if weights is None or not weights.is_constant or weights.dtype != "FLOAT32":
        return False
    bias = maker.inputs[_BIAS_INPUT] if len(maker.inputs) > _BIAS_INPUT else None
    if bias is not None and (not bias.is_constant or bias.dtype != "FLOAT32"):
        return False
    is_plain = maker.options is None or maker.options.fusedActivationFunction == NO_ACTIVATION
    return is_plain and weights.shape[0] == maker.outputs[0].shape[-1]


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
            centred[weights] = float32_constant(
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
