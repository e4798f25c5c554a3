"""Layers that read a picture: two terms of weights and a scale per channel of the result.

A detector's first layer cancels the picture, which is large, to leave the watermark, one or two
grey levels. INT8 weights are too coarse for that, so what rounding cuts off is a second layer; and
one scale for all channels of the result would leave nothing of the small ones, so each is divided
by its own range and multiplied with it again in INT16.
"""

from __future__ import annotations

import copy

import numpy as np
from numpy.typing import NDArray

from edgeseal.tflite.graph import Operator, Subgraph, Tensor, float32_constant, new_arithmetic
from edgeseal.tflite.quantization._weighted_layers import WEIGHTS_INPUT, WeightedLayer
from edgeseal.tflite.quantization.weights._integer_weights import constant, round_to_nearest

__all__ = ["split_input_layer"]

_BIAS_INPUT = 2


def split_input_layer(
    subgraph: Subgraph, layer: WeightedLayer, largest: NDArray[np.float32]
) -> None:
    """Rewrite a layer; exact up to float rounding.

    Args:
        subgraph: holds the layer.
        layer: reads a picture; has no fused activation.
        largest: float32 [channels], largest magnitude of each channel of its result.
    """
    operator, result = layer.operator, layer.operator.outputs[0]
    weights, axis = constant(layer.weights), layer.axis or 0
    along = [1] * weights.ndim
    along[axis] = -1
    scaled = weights / largest.reshape(along)
    coarse = round_to_nearest(scaled, axis).dequantized()
    bias = np.zeros(largest.size, np.float32)
    given = operator.inputs[_BIAS_INPUT] if len(operator.inputs) > _BIAS_INPUT else None
    if given is not None:
        bias = constant(given)
    first = _term(operator, "coarse", coarse, bias / largest)
    second = _term(operator, "fine", scaled - coarse, np.zeros_like(bias))
    both = Tensor(f"{result.name}/both", result.shape, "FLOAT32")
    factor = float32_constant(f"{result.name}/channels", largest)
    place = subgraph.operators.index(operator)
    subgraph.operators[place : place + 1] = [
        first,
        second,
        new_arithmetic("ADD", first.outputs[0], second.outputs[0], both),
        new_arithmetic("MUL", both, factor, result),
    ]


def _term(
    operator: Operator, part: str, weights: NDArray[np.float32], bias: NDArray[np.float32]
) -> Operator:
    result = operator.outputs[0]
    source = operator.inputs[WEIGHTS_INPUT]
    assert source is not None
    return Operator(
        operator.kind,
        [
            operator.inputs[0],
            float32_constant(f"{source.name}/{part}", weights),
            float32_constant(f"{source.name}/{part}_bias", bias),
        ],
        [Tensor(f"{result.name}/{part}", result.shape, "FLOAT32")],
        options=copy.copy(operator.options),
    )
