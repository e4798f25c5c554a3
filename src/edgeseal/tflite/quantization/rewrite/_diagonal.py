"""Takes a dominant diagonal out of a layer, so that INT8 can resolve the rest.

A layer that passes every channel on to itself, such as a convolution trained from an identity,
has one weight near 1 per output channel and all others hundreds of times smaller. With one scale
per channel those others round to zero and the layer forgets what it learned. Exactly the same
function without the problem: y = dense(x) + diagonal * x, where the diagonal, a handful of
numbers, stays float.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgeseal.tflite.graph import (
    Operator,
    Subgraph,
    Tensor,
    float32_constant,
    new_arithmetic,
    new_operator,
)
from edgeseal.tflite.quantization._weighted_layers import WEIGHTS_INPUT, WeightedLayer
from edgeseal.tflite.quantization._work import Work
from edgeseal.tflite.quantization.recipe._recipe import Activations, Precision, WeightType
from edgeseal.tflite.quantization.rewrite._terms import add_term
from edgeseal.tflite.quantization.weights._integer_weights import constant

__all__ = ["split_diagonals"]

# Worth two more operators when the dense part's grid gets finer by at least this factor.
_MIN_GAIN = 4.0
_FLOAT = Precision(WeightType.FLOAT32, Activations.FLOAT)
_INTEGER = (WeightType.INT8, WeightType.INT4)

Float = NDArray[np.float32]


def split_diagonals(work: Work) -> None:
    """Rewrite the layers whose diagonal dominates; exact up to float rounding.

    The diagonals stay float.
    """
    if not work.recipe.methods.split_diagonals:
        return
    for entry in work.plan.layers:
        precision = entry.precision
        if entry.layer is not None and precision is not None and precision.weights in _INTEGER:
            product = _split(work.subgraph_of(entry.operator), entry.layer)
            if product is not None:
                _adopt(work, entry.operator, product)


def _adopt(work: Work, operator: Operator, product: Operator) -> None:
    is_layer = product.kind == "DEPTHWISE_CONV_2D"
    layer = WeightedLayer(product, WEIGHTS_INPUT, 3) if is_layer else None
    work.plan.adopt(product, like=operator, suffix="diagonal", layer=layer, precision=_FLOAT)


def _split(subgraph: Subgraph, layer: WeightedLayer) -> Operator | None:
    """Take a layer's diagonal out, if that pays; return the operator that multiplies by it."""
    operator = layer.operator
    if operator.kind not in ("FULLY_CONNECTED", "CONV_2D") or not _keeps_channels(operator):
        return None
    weights = constant(layer.weights)
    channels = np.arange(weights.shape[0])
    dense = weights.copy()
    dense[channels, ..., channels] = 0
    if _step(weights) < _MIN_GAIN * _step(dense):
        return None
    name = layer.weights.name
    operator.inputs[WEIGHTS_INPUT] = float32_constant(f"{name}/dense", dense)
    diagonal = float32_constant(name, np.moveaxis(weights[channels, ..., channels], 0, -1))
    product = _diagonal_product(operator, diagonal)
    add_term(subgraph, operator, product)
    return product


def _keeps_channels(operator: Operator) -> bool:
    """Say whether each output channel has an input channel of its own, ungrouped."""
    source, weights = operator.inputs[0], operator.inputs[WEIGHTS_INPUT]
    result = operator.outputs[0]
    if source is None or weights is None or not source.shape:
        return False
    if operator.kind == "FULLY_CONNECTED" and source.shape != result.shape:
        return False  # flattens its input
    return source.shape[-1] == weights.shape[-1] == weights.shape[0]


def _step(weights: Float) -> float:
    """Return the typical largest weight of an output channel, to which INT8's step belongs."""
    return float(np.median(np.abs(weights).reshape(weights.shape[0], -1).max(axis=1)))


def _diagonal_product(operator: Operator, diagonal: Tensor) -> Operator:
    """Return an operator that multiplies ``operator``'s input by its diagonal.

    ``diagonal`` is float32 [channels] of a FULLY_CONNECTED or [height, width, channels] of a
    CONV_2D, which gives a depthwise convolution of the same stride and padding.
    """
    source = operator.inputs[0]
    result = Tensor(f"{operator.outputs[0].name}/diagonal", operator.outputs[0].shape, "FLOAT32")
    assert source is not None
    if operator.kind == "FULLY_CONNECTED":
        return new_arithmetic("MUL", source, diagonal, result)
    no_bias = np.zeros(diagonal.shape[-1], np.float32)
    diagonal.shape = (1, *diagonal.shape)
    options = operator.options
    return new_operator(
        "DEPTHWISE_CONV_2D",
        [source, diagonal, float32_constant(f"{diagonal.name}/no_bias", no_bias)],
        [result],
        padding=options.padding,
        strideH=options.strideH,
        strideW=options.strideW,
        dilationHFactor=options.dilationHFactor,
        dilationWFactor=options.dilationWFactor,
        depthMultiplier=1,
    )
