"""Lets the last layers' biases make up for the mean error of everything before them.

Rounding shifts a detector's logits by about the same amount for every picture, by more than it
changes what tells pictures apart. On calibration data that shift is the difference of two means
(Nagel et al. 2019, section 4.2, for the result alone).
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from edgeseal.calibrate import Inputs, observe_values
from edgeseal.graph import Model, Operator, Tensor
from edgeseal.quantize._layers import output_layers
from edgeseal.quantize._terms import float_constant
from edgeseal.quantize._weights import constant
from edgeseal.quantize._work import Work

__all__ = ["correct_outputs", "observe_outputs"]

_KINDS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
_BIAS_INPUT = 2

Float = NDArray[np.float32]


def observe_outputs(work: Work) -> None:
    """Remember the mean results of the last layers of the float graph, if the recipe wants them."""
    inputs = _inputs(work)
    if inputs is not None:
        layers = [layer.operator for layer in output_layers(work.model.main)]
        work.output_means = _means(work.model, filter(_has_bias, layers), inputs)


def correct_outputs(work: Work) -> None:
    """Take the mean error of the last layers' results out of their biases."""
    inputs = _inputs(work)
    if inputs is None:
        return
    layers = [operator for operator in work.output_means if _has_bias(operator)]
    for operator, mean in _means(work.model, layers, inputs).items():
        bias = operator.inputs[_BIAS_INPUT]
        if bias is not None:
            shift = mean - work.output_means[operator]
            operator.inputs[_BIAS_INPUT] = float_constant(bias.name, constant(bias) - shift)


def _inputs(work: Work) -> Inputs | None:
    if not work.recipe.methods.correct_outputs or work.calibration is None:
        return None
    return work.calibration.inputs


def _has_bias(operator: Operator) -> bool:
    """Say whether a layer has a bias of floats, and a result of floats behind it."""
    if operator.kind not in _KINDS or len(operator.inputs) <= _BIAS_INPUT:
        return False
    bias = operator.inputs[_BIAS_INPUT]
    if bias is None or not bias.is_constant or bias.dtype != "FLOAT32":
        return False
    return operator.outputs[0].dtype == "FLOAT32" and not operator.outputs[0].is_dynamic


def _means(model: Model, layers: Iterable[Operator], inputs: Inputs) -> dict[Operator, Float]:
    """Return the mean of each channel of each layer's result."""
    makers = {operator.outputs[0]: operator for operator in layers}
    sums: dict[Operator, NDArray[np.float64]] = {}

    def visit(tensor: Tensor, values: Float) -> None:
        mean = values.reshape(-1, values.shape[-1]).mean(axis=0, dtype=np.float64)
        sums[makers[tensor]] = sums.get(makers[tensor], 0.0) + mean

    if makers:
        observe_values(model, list(makers), inputs, visit)
    return {operator: (found / len(inputs)).astype(np.float32) for operator, found in sums.items()}
