"""Gives layers that read a picture two terms of integer weights.

W = W1 + W2, where W2 is what rounding W1 left over. Such a layer cancels the picture, which is
large, to leave the watermark, which is one or two grey levels; one INT8 term is too coarse for that
and two are as good as float, at half its size and on integer kernels.
"""

from __future__ import annotations

import copy

import numpy as np

from edgeseal.tflite.graph import NO_ACTIVATION, Operator, Subgraph, Tensor, float32_constant
from edgeseal.tflite.quantization._weighted_layers import WeightedLayer, input_layers
from edgeseal.tflite.quantization._work import Work
from edgeseal.tflite.quantization.recipe._recipe import WeightType
from edgeseal.tflite.quantization.rewrite._terms import add_term
from edgeseal.tflite.quantization.weights._integer_weights import constant, round_to_nearest

__all__ = ["add_input_terms"]

_BIAS_INPUT = 2
_KINDS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
_BITS = {WeightType.INT8: 8, WeightType.INT4: 4}


def add_input_terms(work: Work) -> None:
    """Add to each layer that reads a picture a twin for what rounding will cut off its weights."""
    if work.recipe.methods.input_terms == 1:
        return
    for layer in input_layers(work.model.main):
        precision = work.plan.precision(layer.operator)
        bits = None if precision is None else _BITS.get(precision.weights)
        if bits is None or layer.operator.kind not in _KINDS or layer.axis is None:
            continue
        twin = _add_twin(work.model.main, layer, layer.axis, bits)
        twin_layer = WeightedLayer(twin, layer.position, layer.axis)
        work.nearest.add(layer.operator)  # the twin makes up for that
        work.plan.adopt(twin, like=layer.operator, suffix="rest", layer=twin_layer)


def _add_twin(subgraph: Subgraph, layer: WeightedLayer, axis: int, bits: int) -> Operator:
    operator, weights = layer.operator, constant(layer.weights)
    rounded = round_to_nearest(weights, axis, bits=bits).dequantized()
    rest = weights - rounded
    # At once, not when it is rounded: until then the sum has to be the float layer, or ranges and
    # moments would be observed on a model whose first layer has its rest twice.
    operator.inputs[layer.position] = float32_constant(layer.weights.name, rounded)
    result = operator.outputs[0]
    operands = [operator.inputs[0], float32_constant(f"{layer.weights.name}/rest", rest)]
    if len(operator.inputs) > _BIAS_INPUT and operator.inputs[_BIAS_INPUT] is not None:
        bias = np.zeros(weights.shape[axis], np.float32)
        operands.append(float32_constant(f"{layer.weights.name}/no_bias", bias))
    twin = Operator(
        kind=operator.kind,
        inputs=operands,
        outputs=[Tensor(f"{result.name}/rest", result.shape, result.dtype)],
        options=copy.copy(operator.options),
    )
    twin.options.fusedActivationFunction = NO_ACTIVATION
    add_term(subgraph, operator, twin)
    return twin
