"""The layers of a graph that have weights to quantize."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from edgeseal.tflite.graph import Operator, Subgraph, Tensor, new_operator

__all__ = [
    "WEIGHTS_INPUT",
    "WeightedLayer",
    "add_missing_options",
    "input_layers",
    "output_layers",
    "weighted_layers",
]

WEIGHTS_INPUT = 1  # of everything but BATCH_MATMUL, which may have its constant on the left too

# Where an operator keeps its weights' output channels.
_CHANNEL_AXIS = {
    "FULLY_CONNECTED": 0,
    "CONV_2D": 0,
    "DEPTHWISE_CONV_2D": 3,
    "TRANSPOSE_CONV": 0,
    "CONV_3D": 4,
    "CONV_3D_TRANSPOSE": 3,
}
_RECURRENT = {
    "BIDIRECTIONAL_SEQUENCE_LSTM",
    "BIDIRECTIONAL_SEQUENCE_RNN",
    "LSTM",
    "RNN",
    "SVDF",
    "UNIDIRECTIONAL_SEQUENCE_LSTM",
    "UNIDIRECTIONAL_SEQUENCE_RNN",
}
_WITH_PLAIN_OPTIONS = ("FULLY_CONNECTED", "CONV_2D", "DEPTHWISE_CONV_2D")


@dataclass(frozen=True, slots=True)
class WeightedLayer:
    """An operator that multiplies its input by constant FLOAT32 weights.

    Attributes:
        operator: the operator.
        position: of the weights among its inputs.
        axis: the output-channel dimension of the weights; None where there is no single one, as
            in recurrent layers.
        is_computed: whether operators compute the weights from constants, so that the file holds
            them in another form.
    """

    operator: Operator
    position: int
    axis: int | None
    is_computed: bool = False

    @property
    def weights(self) -> Tensor:
        """Its weights as they are now."""
        tensor = self.operator.inputs[self.position]
        if tensor is None:
            raise TypeError(f"{self.operator!r} has no weights")
        return tensor


def weighted_layers(subgraph: Subgraph) -> Iterator[WeightedLayer]:
    """Iterate over the layers with constant FLOAT32 weights, in execution order."""
    folded: set[Tensor] = set()  # computed, but from constants alone
    for operator in subgraph.operators:
        operands = [tensor for tensor in operator.inputs if tensor is not None]
        if operands and all(_is_fixed(tensor, folded) for tensor in operands):
            folded.update(operator.outputs)
            continue
        is_odd = operator.is_custom or not operator.outputs
        layer = None if is_odd else _layer(operator, folded)
        if layer is not None:
            yield layer


def _layer(operator: Operator, folded: set[Tensor]) -> WeightedLayer | None:
    for position in _places(operator):
        weights = operator.inputs[position] if position < len(operator.inputs) else None
        if weights is None or weights.dtype != "FLOAT32" or not _is_fixed(weights, folded):
            continue
        return WeightedLayer(operator, position, _axis(operator, position), weights in folded)
    return None


def _places(operator: Operator) -> tuple[int, ...]:
    if operator.kind == "BATCH_MATMUL":
        return (1, 0)
    if operator.kind in _RECURRENT:
        return tuple(range(1, len(operator.inputs)))
    return (WEIGHTS_INPUT,) if operator.kind in _CHANNEL_AXIS else ()


def _axis(operator: Operator, position: int) -> int | None:
    """Return the dimension of the weights that is one of the result too."""
    if operator.kind != "BATCH_MATMUL":
        return _CHANNEL_AXIS.get(operator.kind)
    weights = operator.inputs[position]
    options = operator.options
    is_adjoint = options is not None and (options.adjY if position == 1 else options.adjX)
    last = (0 if weights is None else weights.rank) - 1
    return last - 1 if is_adjoint == (position == 1) else last


def _is_fixed(tensor: Tensor, folded: set[Tensor]) -> bool:
    return tensor.is_constant or tensor.is_external or tensor in folded


def add_missing_options(subgraph: Subgraph) -> None:
    """Write out the options of layers that leave them out, which means all defaults."""
    for layer in weighted_layers(subgraph):
        operator = layer.operator
        if operator.options is None and operator.kind in _WITH_PLAIN_OPTIONS:
            operator.options = new_operator(
                operator.kind, [], [], fusedActivationFunction=0
            ).options


def output_layers(subgraph: Subgraph) -> list[WeightedLayer]:
    """Return the layers that make a result: no other weighted layer lies behind them."""
    layers = {id(layer.operator): layer for layer in weighted_layers(subgraph)}
    open_ends = {id(tensor) for tensor in subgraph.outputs}
    covered: set[int] = set()  # what a layer depends on
    found = []
    for operator in reversed(subgraph.operators):
        results = {id(tensor) for tensor in operator.outputs}
        operands = {id(tensor) for tensor in operator.inputs if tensor is not None}
        if id(operator) in layers:
            if not results & covered and results & open_ends:
                found.append(layers[id(operator)])
            covered |= operands
        elif results & covered:
            covered |= operands
        elif results & open_ends:
            open_ends |= operands
    return found[::-1]


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
