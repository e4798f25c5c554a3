"""Lets biases make up for the mean error of rounded weights.

Rounding W to W' shifts a layer's results by (W' - W) E[x] on average (Nagel et al. 2019, section
4.2); the bias takes that back.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgeseal.tflite.calibration import TensorStatistics
from edgeseal.tflite.graph import float32_constant
from edgeseal.tflite.quantization._weighted_layers import WEIGHTS_INPUT
from edgeseal.tflite.quantization._work import Work
from edgeseal.tflite.quantization.recipe._layer_plan import PlannedOperator
from edgeseal.tflite.quantization.recipe._recipe import Rounding
from edgeseal.tflite.quantization.weights._integer_weights import constant, integer_values

__all__ = ["correct_biases"]

_BIAS_INPUT = 2

Float = NDArray[np.float32]


def correct_biases(work: Work) -> None:
    """Correct the biases of layers with integer weights, where their inputs were observed.

    Learned rounding does it itself; layers with a second term of weights have made up for it.
    """
    methods = work.recipe.methods
    if not methods.correct_bias or methods.rounding is not Rounding.NEAREST:
        return
    for entry in work.plan.layers:
        if entry.operator in work.nearest:
            continue  # its twin holds what rounding cut off; taken back twice, it is an error again
        source = entry.operator.inputs[0]
        seen = None if source is None else work.observed.get(source)
        if seen is not None:
            _correct(entry, seen, work)


def _correct(entry: PlannedOperator, seen: TensorStatistics, work: Work) -> None:
    operator, original = entry.operator, work.float_weights.get(entry.operator)
    has_bias = len(operator.inputs) > _BIAS_INPUT and operator.inputs[_BIAS_INPUT] is not None
    if original is None or not has_bias or seen.channel_mean is None:
        return
    rounded, bias = operator.inputs[WEIGHTS_INPUT], operator.inputs[_BIAS_INPUT]
    if rounded is None or bias is None or rounded.quantization is None or rounded.dtype != "INT8":
        return
    change = integer_values(rounded).dequantized() - constant(original)
    shift = _shift(operator.kind, change, seen.channel_mean)
    if shift is not None:
        operator.inputs[_BIAS_INPUT] = float32_constant(bias.name, constant(bias) - shift)


def _shift(kind: str, change: Float, mean: Float) -> Float | None:
    """Return the mean change of each result: float32 [channels]."""
    if kind == "DEPTHWISE_CONV_2D":
        total = change.sum(axis=(0, 1, 2))
        return total * mean if total.shape == mean.shape else None
    if kind not in ("CONV_2D", "FULLY_CONNECTED") or change.shape[-1] != mean.size:
        return None  # grouped, or flattened
    shift: Float = change.reshape(change.shape[0], -1, mean.size).sum(axis=1) @ mean
    return shift
