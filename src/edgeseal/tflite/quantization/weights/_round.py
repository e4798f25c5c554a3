"""Gives layers the weights of their precision: rounded, and widened again where they compute so."""

from __future__ import annotations

from edgeseal.tflite.graph import Tensor
from edgeseal.tflite.quantization._work import Work
from edgeseal.tflite.quantization.recipe._layer_plan import PlannedOperator
from edgeseal.tflite.quantization.recipe._recipe import Activations, Place, WeightType
from edgeseal.tflite.quantization.weights._integer_weights import (
    constant,
    integer_constant,
    round_balanced,
    round_to_nearest,
)
from edgeseal.tflite.quantization.weights._learn import BITS, learn_weights
from edgeseal.tflite.quantization.weights._widen import (
    diffused,
    half_constant,
    half_weights,
    widened,
)

__all__ = ["round_weights"]

_Key = tuple[int, int | None, WeightType, bool, bool]


def round_weights(work: Work) -> None:
    """Round every layer's weights; whatever else reads the float ones keeps them."""
    learned = learn_weights(work)
    shared: dict[_Key, Tensor] = {}
    for entry in work.plan.layers:
        layer, precision = entry.layer, entry.precision
        if layer is None or precision is None or precision.weights is WeightType.FLOAT32:
            continue
        if layer.weights.dtype != "FLOAT32":  # a whole integer graph has them already
            continue
        is_widened = precision.activations is Activations.FLOAT
        is_nearest = layer.operator in work.nearest
        if layer.operator in learned:
            fitted = integer_constant(layer.weights.name, learned[layer.operator])
            layer.operator.inputs[layer.position] = _placed(work, entry, fitted)
            continue
        key = (id(layer.weights), layer.axis, precision.weights, is_widened, is_nearest)
        if key not in shared:
            stored = _stored(work, entry)
            if stored is None:
                continue
            shared[key] = _placed(work, entry, stored)
        layer.operator.inputs[layer.position] = shared[key]


def _placed(work: Work, entry: PlannedOperator, stored: Tensor) -> Tensor:
    """Return what a layer reads: the constant, or that widened where it computes in float."""
    precision = entry.precision
    if precision is None or precision.activations is not Activations.FLOAT:
        return stored
    name = stored.name.removesuffix("/float16")
    return widened(work.subgraph_of(entry.operator), entry.operator, stored, name)


def _stored(work: Work, entry: PlannedOperator) -> Tensor | None:
    """Return a layer's weights as the file is to hold them; None if they have to stay."""
    layer, precision = entry.layer, entry.precision
    if layer is None or precision is None or layer.axis is None:
        raise TypeError(f"{entry.name} has no plan")  # make_plan refuses such layers
    name, values = layer.weights.name, constant(layer.weights)
    if precision.weights is WeightType.FLOAT16:
        inputs = _picture_channels(work, entry)
        if inputs is not None and half_weights(values) is not None:
            values = diffused(values, inputs)
        half = half_weights(values)
        if half is None:
            work.notes.append(f"{entry.name} stays float32: half precision cannot hold its values")
            return None
        return half_constant(name, half)
    # beside activations that are rounded too, balance was no gain
    is_balanced = precision.activations is Activations.FLOAT and entry.operator not in work.nearest
    rounded = round_balanced if is_balanced else round_to_nearest
    return integer_constant(name, rounded(values, layer.axis, bits=BITS[precision.weights]))


def _picture_channels(work: Work, entry: PlannedOperator) -> int | None:
    """Return the channels of the picture that a layer reads with several taps; None for others."""
    layer = entry.layer
    if layer is None or Place.INPUT not in entry.places:
        return None
    if entry.operator.kind == "CONV_2D":
        return layer.weights.shape[-1]
    pictures = [tensor for tensor in work.model.main.inputs if tensor.rank == 4]
    if entry.operator.kind != "FULLY_CONNECTED" or len(pictures) != 1:
        return None
    channels = pictures[0].shape[-1]  # of a patch the last to vary, as `lean` lays it out
    return channels if 0 < channels <= 4 and layer.weights.shape[-1] % channels == 0 else None
