"""The layers that can be told apart, and what they cost by themselves: bytes, work, own error."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from edgeseal.errors import ModelError, UsageError
from edgeseal.tflite.calibration import CalibrationInputs, second_moments
from edgeseal.tflite.graph import Model, count_macs
from edgeseal.tflite.quantization import (
    Activations,
    LayerPlan,
    Methods,
    PlannedOperator,
    Precision,
    Recipe,
    WeightType,
    bundled_calibration,
    make_plan,
)
from edgeseal.tflite.quantization._quantize import refuse_quantized
from edgeseal.tflite.quantization.rewrite._float_source import widen_halves

__all__ = ["CHOICES", "Layer", "check_source", "find_layers", "usable_recipe"]

CHOICES = (
    Precision(WeightType.INT4, Activations.DYNAMIC),
    Precision(WeightType.INT8, Activations.DYNAMIC),
    Precision(WeightType.FLOAT16, Activations.FLOAT),
)
"""What a layer may get, from the smallest to the most precise."""

_BITS = {WeightType.INT4: 4, WeightType.INT8: 8, WeightType.FLOAT16: 16, WeightType.FLOAT32: 32}
_LARGEST = {4: 7, 8: 127}
_WITH_MOMENTS = ("FULLY_CONNECTED", "CONV_2D", "DEPTHWISE_CONV_2D")

Float = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer of the float model.

    Attributes:
        name: as the plan has it.
        kind: of its operator.
        weights: how many.
        channels: output channels, each with a scale of its own.
        macs: multiply-accumulates of one run.
        base: what the base recipe gives it.
        own_nsr: by weights of :data:`CHOICES` as its JSON name: squared error of its own result
            when its weights alone are rounded to the nearest, as a share of that result.
    """

    name: str
    kind: str
    weights: int
    channels: int
    macs: int
    base: Precision
    own_nsr: dict[str, float]

    def size_bytes(self, precision: Precision) -> int:
        """Return what its weights and their scales take in a file."""
        bits = _BITS[precision.weights]
        scales = 4 * self.channels if bits <= 8 else 0
        return -(-self.weights * bits // 8) + scales


def check_source(model: Model, base: Recipe, source: str) -> LayerPlan:
    """Find out before any work whether a model can be tuned; return what it gets to start from.

    FLOAT16 constants become the FLOAT32 ones that they stand for.

    Raises:
        ModelError: the model is quantized already, or has no layer with float weights.
        UsageError: the base recipe does not fit it.
    """
    widen_halves(model)
    try:
        refuse_quantized(model)
        return make_plan(model, base)
    except (ModelError, UsageError) as error:
        raise type(error)(f"{source}: {error}") from error


def usable_recipe(model: Model, base: Recipe) -> Recipe:
    """Return the base recipe, with plain methods for a model that takes no pictures."""
    if not base.uses_calibration or bundled_calibration(model, base) is not None:
        return base
    own = base.methods
    plain = Methods(
        input_terms=own.input_terms,
        split_diagonals=own.split_diagonals,
        fast_floats=own.fast_floats,
        half_constants=own.half_constants,
    )
    return dataclasses.replace(base, name=f"{base.name}-plain", methods=plain)


def find_layers(
    model: Model, base: Recipe, pictures: CalibrationInputs, *, source: str = "the model"
) -> list[Layer]:
    """Return the layers, screened in one pass over the pictures.

    Args:
        model: a float model; not changed.
        base: recipe that gives every layer a precision.
        pictures: what the layers' inputs are measured on.
        source: what error messages call the model.

    Raises:
        ModelError, UsageError: as :func:`check_source`.
    """
    plan = check_source(model, base, source)
    entries = [entry for entry in plan.layers if entry.precision is not None]
    moments = _moments(model, entries, pictures)
    return [_layer(entry, moments.get(entry.name)) for entry in entries]


def _moments(
    model: Model, entries: Sequence[PlannedOperator], pictures: CalibrationInputs
) -> dict[str, Float]:
    """Return E[x x^T] of what layers see; nothing of a model that takes no picture."""
    known = {
        entry.operator: entry.name
        for entry in entries
        if entry.operator.kind in _WITH_MOMENTS
        and entry.operator in model.main.operators
        and entry.layer is not None
        and entry.layer.position == 1
    }
    try:
        return {
            known[operator]: found.second
            for operator, found in second_moments(model, list(known), pictures)
        }
    except UsageError:
        return {}


def _layer(entry: PlannedOperator, moments: Float | None) -> Layer:
    layer, precision = entry.layer, entry.precision
    if layer is None or precision is None:
        raise TypeError(f"{entry.name} is no layer")
    counted = count_macs(entry.operator)
    axis = 0 if layer.axis is None else layer.axis
    shape = layer.weights.shape
    own = {"float16": 1e-7}
    if layer.weights.is_constant and layer.weights.dtype == "FLOAT32" and layer.axis is not None:
        values = np.moveaxis(_values(entry), axis, 0).reshape(shape[axis], -1)
        for bits, name in ((4, "int4"), (8, "int8")):
            own[name] = _own_nsr(values, bits, moments)
    return Layer(
        name=entry.name,
        kind=entry.operator.kind,
        weights=prod(shape),
        channels=shape[axis] if shape else 1,
        macs=0 if counted is None else counted.count,
        base=precision,
        own_nsr=own,
    )


def _values(entry: PlannedOperator) -> Float:
    weights = entry.layer.weights if entry.layer is not None else None
    if weights is None or weights.buffer is None:
        raise TypeError(f"{entry.name} has no constant weights")
    values: Float = weights.buffer.data.view(np.float32).reshape(weights.shape)
    return values


def _own_nsr(rows: Float, bits: int, moments: Float | None) -> float:
    """Return tr(D H D^T) / tr(W H W^T) for weights W [channels, n] and their rounding error D."""
    largest = np.abs(rows).max(axis=1, keepdims=True)
    scale = np.maximum(largest / _LARGEST[bits], np.finfo(np.float32).tiny)
    error = np.rint(rows / scale) * scale - rows
    return _energy(error, moments) / max(_energy(rows, moments), 1e-30)


def _energy(rows: Float, moments: Float | None) -> float:
    if moments is None or moments.shape[-1] != rows.shape[1]:
        return float(np.square(rows).sum())
    if moments.ndim == 3:  # depthwise: each channel has moments of its own
        return float(np.einsum("ci,cij,cj->", rows, moments, rows))
    return float(((rows @ moments) * rows).sum())
