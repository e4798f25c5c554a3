"""What LiteRT's kernels can do with a layer's weights."""

from __future__ import annotations

from edgeseal.tflite.quantization._weighted_layers import WeightedLayer
from edgeseal.tflite.quantization.recipe._recipe import Activations, Precision, WeightType

__all__ = ["refusal", "unquantizable"]

# Layers whose kernels take integer weights, with FLOAT32 activations, quantized while running,
# and with INT8 ones.
_WITH_INTEGERS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")


def unquantizable(layer: WeightedLayer) -> str | None:
    """Say why no recipe can quantize a layer, so that it stays float; None if one can."""
    if layer.is_computed:
        return "its weights are computed from constants"
    if layer.weights.is_external:
        return "its weights are in another file"
    if layer.weights.is_sparse:
        return "its weights are stored without their zeros"
    return "it is recurrent" if layer.axis is None else None


def refusal(layer: WeightedLayer, precision: Precision, *, is_whole: bool = False) -> str | None:
    """Say why a layer cannot get a precision, and what it can get; None if it can.

    Args:
        layer: the layer.
        precision: what a rule gives it.
        is_whole: whether all operators around it become integer ones too.
    """
    if precision.weights is WeightType.FLOAT32:
        return None
    kind = layer.operator.kind
    if precision.activations is Activations.DYNAMIC and kind not in _WITH_INTEGERS:
        return (
            f"no kernel for {kind} quantizes activations while running; give it a rule with "
            f"activations float, which stores {precision.weights.value} weights and widens them"
        )
    if precision.is_static and precision.weights is not WeightType.INT8:
        return "fixed ranges go with weights int8 here"
    if precision.is_static and not is_whole and kind not in _WITH_INTEGERS:
        return (
            f"{kind} gets no fixed ranges unless every operator does; give it a rule with "
            f"activations float, which stores {precision.weights.value} weights and widens them"
        )
    return None
