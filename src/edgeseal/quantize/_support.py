"""What LiteRT's kernels can do with a layer's weights."""

from __future__ import annotations

from edgeseal.quantize._layers import WeightedLayer
from edgeseal.quantize._recipe import Activations, Precision, Weights

__all__ = ["refusal"]

# Kernels that take FLOAT32 activations with integer weights and quantize while running.
_DYNAMIC = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")


def refusal(layer: WeightedLayer, precision: Precision) -> str | None:
    """Say why a layer cannot get a precision, and what it can get; None if it can."""
    if precision.weights is Weights.FLOAT32:
        return None
    say_so = "give it a rule with weights float32"
    if layer.is_computed:
        return f"its weights are computed from constants, so there is none to quantize; {say_so}"
    if layer.weights.is_external or layer.weights.is_sparse:
        form = "in another file" if layer.weights.is_external else "without their zeros"
        return f"its weights are stored {form}, which cannot be quantized; {say_so}"
    if layer.axis is None:
        return f"recurrent layers cannot be quantized; {say_so}"
    kind = layer.operator.kind
    if precision.activations is Activations.DYNAMIC and kind not in _DYNAMIC:
        return (
            f"no kernel for {kind} quantizes activations while running; give it a rule with "
            f"activations float, which stores {precision.weights.value} weights and widens them"
        )
    return None
