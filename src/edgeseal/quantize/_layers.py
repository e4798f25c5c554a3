"""The layers of a graph that have weights to quantize."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from edgeseal.graph import Operator, Subgraph, Tensor, new_operator

__all__ = [
    "WEIGHTS_INPUT",
    "WeightedLayer",
    "add_missing_options",
    "input_layers",
    "weighted_layers",
]

# where an operator keeps its weights' output channels
_CHANNEL_AXIS = {"FULLY_CONNECTED": 0, "CONV_2D": 0, "DEPTHWISE_CONV_2D": 3}
WEIGHTS_INPUT = 1


@dataclass(frozen=True, slots=True)
class WeightedLayer:
    """An operator with constant FLOAT32 weights.

    Attributes:
        operator: the operator.
        weights: its weights.
        axis: the output-channel dimension of the weights.
    """

    operator: Operator
    weights: Tensor
    axis: int


def weighted_layers(subgraph: Subgraph) -> Iterator[WeightedLayer]:
    """Iterate over the layers with constant FLOAT32 weights, in execution order."""
    for operator in subgraph.operators:
        axis = _CHANNEL_AXIS.get(operator.kind)
        if axis is None or operator.is_custom:
            continue
        weights = operator.inputs[WEIGHTS_INPUT]
        if weights is None or weights.buffer is None or weights.is_sparse:
            continue
        if weights.dtype == "FLOAT32":
            yield WeightedLayer(operator, weights, axis)


def add_missing_options(subgraph: Subgraph) -> None:
    """Write out the options of layers that leave them out, which means all defaults."""
    for layer in weighted_layers(subgraph):
        if layer.operator.options is None:
            plain = new_operator(layer.operator.kind, [], [], fusedActivationFunction=0)
            layer.operator.options = plain.options


def input_layers(subgraph: Subgraph) -> list[WeightedLayer]:
    """Return the layers that read a picture: no other weighted layer lies before them.

    A rank-4 input is taken for a picture; a message is a vector.
    """
    layers = {id(layer.operator): layer for layer in weighted_layers(subgraph)}
    picture = {id(tensor) for tensor in subgraph.inputs if tensor.rank == 4}
    features: set[int] = set()  # what depends on a layer's result
    found = []
    for operator in subgraph.operators:
        operands = {id(tensor) for tensor in operator.inputs if tensor is not None}
        results = {id(tensor) for tensor in operator.outputs}
        if operands & features:
            features |= results
        elif operands & picture:
            if id(operator) in layers:
                found.append(layers[id(operator)])
                features |= results
            else:
                picture |= results
    return found
