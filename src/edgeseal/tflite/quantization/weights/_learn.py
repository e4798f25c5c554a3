"""Rounds the weights of a model's layers with what calibration data says of their inputs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgeseal.tflite.calibration import Moments, second_moments
from edgeseal.tflite.graph import Operator, float32_constant
from edgeseal.tflite.quantization._work import Work
from edgeseal.tflite.quantization.recipe._layer_plan import PlannedOperator
from edgeseal.tflite.quantization.recipe._recipe import Rounding, WeightType
from edgeseal.tflite.quantization.weights._gptq import (
    fitted_scale,
    inverse_root,
    output_error,
    round_with_root,
)
from edgeseal.tflite.quantization.weights._integer_weights import (
    IntegerWeights,
    constant,
    symmetric_scale,
)
from edgeseal.tflite.quantization.weights._spare import spare_layers

__all__ = ["BITS", "learn_weights"]

BITS = {WeightType.INT8: 8, WeightType.INT4: 4}

_KINDS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
_BIAS_INPUT = 2
_LONGEST_ROW = 4096  # a longer one's covariance takes minutes to factor, and gigabytes

Float = NDArray[np.float32]


def learn_weights(work: Work) -> dict[Operator, IntegerWeights]:
    """Return rounded weights of the layers that the recipe rounds with data.

    Their biases take up the mean of the error. Layers that the recipe spares from INT4 become INT8
    in the plan.
    """
    if work.recipe.methods.rounding is not Rounding.GPTQ:
        return {}
    inputs = None if work.calibration is None else work.calibration.inputs
    if inputs is None:
        work.notes.append(
            "weights are rounded to the nearest step: there was no calibration data to round with"
        )
        return {}
    entries = {entry.operator: entry for entry in _learnable(work)}
    narrow: dict[Operator, _Rounded] = {}
    wide: dict[Operator, _Rounded] = {}  # of those that may be spared
    latest: _Seen | None = None
    for operator, moments in second_moments(work.model, list(entries), inputs):
        if latest is None or latest.moments is not moments:  # several layers read one input
            latest = _Seen.of(moments, work.recipe.methods.damping)
        bits = _bits(entries[operator])
        narrow[operator] = _round(entries[operator], latest, bits)
        if bits == 4 and work.recipe.methods.int4_spared > 0:
            wide[operator] = _round(entries[operator], latest, 8)
    spared = spare_layers(work, {operator: narrow[operator].cost for operator in wide})
    found = {**narrow, **{operator: wide[operator] for operator in spared}}
    for operator, rounded in found.items():
        _correct_bias(operator, rounded.shift)
    return {operator: rounded.weights for operator, rounded in found.items()}


@dataclass(frozen=True, slots=True)
class _Seen:
    """What layers with one input share.

    Attributes:
        moments: of the input.
        spread: its covariance, float32 [n, n] or [channels, n, n].
        root: of that, as rounding takes it.
        order: of the columns.
    """

    moments: Moments
    spread: Float
    root: Float
    order: NDArray[np.intp]

    @classmethod
    def of(cls, moments: Moments, damping: float) -> _Seen:
        spread = moments.covariance
        return cls(moments, spread, *inverse_root(spread, damping))


@dataclass(frozen=True, slots=True)
class _Rounded:
    """A layer's rounded weights.

    Attributes:
        weights: the weights.
        shift: mean change of each result, float32 [channels].
        cost: error of the results beyond that, as a share of their variance.
    """

    weights: IntegerWeights
    shift: Float
    cost: float


def _learnable(work: Work) -> Iterator[PlannedOperator]:
    main = set(work.model.main.operators)
    for entry in work.plan.layers:
        layer, precision = entry.layer, entry.precision
        if layer is None or precision is None or layer.axis is None:
            continue
        if precision.weights not in BITS or entry.operator.kind not in _KINDS:
            continue
        if layer.weights.dtype != "FLOAT32":  # a whole integer graph has rounded them already
            continue
        shape = layer.weights.shape
        row = math.prod(shape) // max(1, shape[layer.axis])
        if entry.operator in main and entry.operator not in work.nearest and row <= _LONGEST_ROW:
            yield entry


def _bits(entry: PlannedOperator) -> int:
    return 8 if entry.precision is None else BITS[entry.precision.weights]


def _round(entry: PlannedOperator, seen: _Seen, bits: int) -> _Rounded:
    if entry.layer is None or entry.layer.axis is None:
        raise TypeError(f"{entry.name} has no weights")
    axis = entry.layer.axis
    weights = np.moveaxis(constant(entry.layer.weights), axis, 0)
    rows = np.ascontiguousarray(weights.reshape(weights.shape[0], -1))
    scale = symmetric_scale(rows, 0)
    if bits == 4:
        scale = fitted_scale(rows, np.einsum("...ii->...i", seen.spread), bits=bits)
    steps = round_with_root(rows, seen.root, seen.order, scale, bits=bits)
    change = steps * scale[:, None] - rows
    variance = float(output_error(rows, seen.spread).sum())
    cost = float(output_error(change, seen.spread).sum()) / variance if variance > 0 else 0.0
    values = np.ascontiguousarray(np.moveaxis(steps.reshape(weights.shape), 0, axis))
    return _Rounded(
        IntegerWeights(values, scale, axis, bits), (change * seen.moments.mean).sum(axis=1), cost
    )


def _correct_bias(operator: Operator, shift: Float) -> None:
    """Take the mean change of the results, float32 [channels], out of a layer's bias."""
    shift = shift.astype(np.float32)
    while len(operator.inputs) <= _BIAS_INPUT:
        operator.inputs.append(None)
    bias = operator.inputs[_BIAS_INPUT]
    if bias is None:
        operator.inputs[_BIAS_INPUT] = float32_constant(f"{operator.outputs[0].name}/bias", -shift)
    elif bias.is_constant and bias.dtype == "FLOAT32":
        operator.inputs[_BIAS_INPUT] = float32_constant(bias.name, constant(bias) - shift)
