"""What is left to do once every operator is there."""

from __future__ import annotations

from edgeseal.tflite.graph import Subgraph

__all__ = ["fuse_relu"]

_NO_ACTIVATION, _RELU = 0, 1
_ACTIVATED = frozenset(
    {
        "ADD",
        "AVERAGE_POOL_2D",
        "CONV_2D",
        "DEPTHWISE_CONV_2D",
        "DIV",
        "FULLY_CONNECTED",
        "MUL",
        "SUB",
    }
)


def fuse_relu(subgraph: Subgraph) -> None:
    """Let the operators in front of RELU apply it, where nothing else reads their result."""
    makers, readers = subgraph.producers(), subgraph.consumers()
    for relu in [operator for operator in subgraph.operators if operator.kind == "RELU"]:
        (source,) = (tensor for tensor in relu.inputs if tensor is not None)
        maker = makers.get(source)
        if maker is None or len(readers[source]) > 1 or source in subgraph.outputs:
            continue
        if maker.kind in _ACTIVATED and maker.options.fusedActivationFunction == _NO_ACTIVATION:
            maker.options.fusedActivationFunction = _RELU
            maker.outputs = relu.outputs
            subgraph.operators.remove(relu)
            makers[relu.outputs[0]] = maker
