"""Layers on INT8 activations whose ranges are fixed beforehand, between QUANTIZE and DEQUANTIZE.

A tensor that several layers read is quantized once; one that a layer makes and only layers read is
never widened.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from edgeseal.tflite.calibration import Method, TensorStatistics, choose_range
from edgeseal.tflite.graph import (
    Buffer,
    Operator,
    Quantization,
    Subgraph,
    Tensor,
    new_dequantize,
    new_quantize,
)
from edgeseal.tflite.quantization._weighted_layers import WEIGHTS_INPUT
from edgeseal.tflite.quantization._work import Work
from edgeseal.tflite.quantization.recipe._layer_plan import PlannedOperator
from edgeseal.tflite.quantization.recipe._recipe import Activations
from edgeseal.tflite.quantization.weights._integer_weights import (
    IntegerWeights,
    constant,
    integer_constant,
    integer_values,
)

__all__ = ["MOST_BIAS", "MOST_RATIO", "affine", "fix_layer_ranges"]

_LEVELS = 255
_LOWEST = -128
_BIAS_INPUT = 2
_BIAS_LIMIT = 2**30  # of INT32, with room for the sum of products
_LEAST_SCALE = 1e-12  # of activations: what spans less is nothing
# Of a product's scale to the result's: kernels limit it to 256, and overflow where a sum or a bias
# is far beyond the result's range.
MOST_RATIO = 16.0
MOST_BIAS = 2.0**24  # of the result's steps
_LEAST_RATIO = 2.0**-30  # as above, which they want to hold in a fixed-point multiplier


def fix_layer_ranges(work: Work) -> None:
    """Let layers whose activations are INT8 take and give INT8 with fixed ranges.

    Recipes that also fix ranges of operators without weights are not for this stage.
    """
    if work.plan.whole is not None:
        return
    fixed = [
        entry
        for entry in work.plan.entries.values()
        if entry.precision is not None and entry.precision.activations is Activations.INT8
    ]
    boundary = _Boundary(work.model.main, work.observed, work.recipe.methods.ranges)
    order = {operator: place for place, operator in enumerate(work.model.main.operators)}
    for entry in sorted(fixed, key=lambda entry: order[entry.operator]):
        _fix(entry, boundary)
    boundary.widen_results()


def affine(low: float, high: float, *, least: float = _LEAST_SCALE) -> Quantization:
    """Return INT8 parameters that represent 0 exactly and a range as well as that allows.

    Args:
        low: the smallest value.
        high: the largest.
        least: scale, where the range is narrower.
    """
    low, high = min(low, 0.0), max(high, 0.0)
    scale = np.float32(max((high - low) / _LEVELS, least))
    zero = int(np.clip(round(_LOWEST - low / float(scale)), _LOWEST, -_LOWEST - 1))
    return Quantization(np.array([scale], np.float32), np.array([zero], np.int64))


@dataclass(slots=True)
class _Boundary:
    """INT8 forms of float tensors."""

    subgraph: Subgraph
    observed: Mapping[Tensor, TensorStatistics]
    method: Method
    integers: dict[Tensor, Tensor] = field(default_factory=dict)
    made: dict[Tensor, Operator] = field(default_factory=dict)

    def taken(self, tensor: Tensor, reader: Operator) -> Tensor:
        """Return a tensor as INT8, known before ``reader``."""
        if tensor not in self.integers:
            self.integers[tensor] = self._new(tensor)
            operator = new_quantize(tensor, self.integers[tensor])
            self.subgraph.insert_before(reader, operator)
        return self.integers[tensor]

    def given(self, tensor: Tensor, maker: Operator, least_scale: float) -> Tensor:
        """Return what ``maker`` makes in the place of a float tensor."""
        self.integers[tensor] = self._new(tensor, least_scale)
        self.made[tensor] = maker
        return self.integers[tensor]

    def widen_results(self) -> None:
        """Give float readers of what layers make their floats back."""
        read = {tensor for operator in self.subgraph.operators for tensor in operator.inputs}
        for tensor, maker in self.made.items():
            if tensor in read or tensor in self.subgraph.outputs:
                widen = new_dequantize(self.integers[tensor], tensor)
                self.subgraph.insert_after(maker, widen)

    def _new(self, tensor: Tensor, least_scale: float = 0.0) -> Tensor:
        low, high = choose_range(self.observed[tensor], self.method)
        if high - low < least_scale * _LEVELS:  # such as a channel that is always 0
            low, high = min(low, 0.0), min(low, 0.0) + least_scale * _LEVELS
        name = f"{tensor.name}/int8"
        return Tensor(name, tensor.shape, "INT8", quantization=affine(low, high))


def _fix(entry: PlannedOperator, boundary: _Boundary) -> None:
    operator = entry.operator
    source, result = operator.inputs[0], operator.outputs[0]
    weights = operator.inputs[WEIGHTS_INPUT]
    if source is None or weights is None:
        raise TypeError(f"{entry.name} has no input or weights")  # it would be no layer
    taken = boundary.taken(source, operator)
    assert taken.quantization is not None
    scale = float(taken.quantization.scale[0])
    operator.inputs[0] = taken
    stored = integer_values(weights)
    bias = _bias(operator)
    wanted = _wanted_scale(stored, bias, scale)
    least_result = float(wanted.max()) * scale / MOST_RATIO
    if bias is not None:
        least_result = max(least_result, float(np.abs(constant(bias)).max()) / MOST_BIAS)
    made = boundary.given(result, operator, least_result)
    assert made.quantization is not None
    least = float(made.quantization.scale[0]) / scale * _LEAST_RATIO
    wanted = np.maximum(wanted, np.float32(least))
    if (wanted != stored.scale).any():
        stored = _coarser(stored, wanted)
        operator.inputs[WEIGHTS_INPUT] = integer_constant(weights.name, stored)
    if bias is not None:
        product = (stored.scale * np.float32(scale)).astype(np.float32)
        operator.inputs[_BIAS_INPUT] = _integer_bias(bias, product)
    operator.outputs[0] = made


def _bias(operator: Operator) -> Tensor | None:
    return operator.inputs[_BIAS_INPUT] if len(operator.inputs) > _BIAS_INPUT else None


def _wanted_scale(
    weights: IntegerWeights, bias: Tensor | None, input_scale: float
) -> NDArray[np.float32]:
    """Return the scale of each channel's weights with which its bias fits INT32."""
    others = tuple(dim for dim in range(weights.values.ndim) if dim != weights.axis)
    is_used = np.asarray(weights.values.any(axis=others))
    scale = np.where(is_used, weights.scale, np.float32(0))  # without weights any will do
    if bias is not None:
        needed = np.abs(constant(bias).astype(np.float64)) / (input_scale * _BIAS_LIMIT)
        scale = np.maximum(scale, needed.astype(np.float32))
    wanted: NDArray[np.float32] = np.maximum(scale, np.finfo(np.float32).tiny).astype(np.float32)
    return wanted


def _integer_bias(bias: Tensor, scale: NDArray[np.float32]) -> Tensor:
    scale = np.maximum(scale, np.finfo(np.float32).tiny)
    stored = np.rint(constant(bias).astype(np.float64) / scale).astype(np.int32)
    parameters = Quantization(scale, np.zeros(scale.size, np.int64))
    return Tensor(bias.name, bias.shape, "INT32", Buffer.of(stored), parameters)


def _coarser(weights: IntegerWeights, scale: NDArray[np.float32]) -> IntegerWeights:
    """Round integer weights to another grid, coarser wherever they are not 0."""
    shape = [1] * weights.values.ndim
    shape[weights.axis] = -1
    ratio = np.minimum(weights.scale / scale, 1).reshape(shape)
    return IntegerWeights(np.rint(weights.values * ratio).astype(np.int8), scale, weights.axis)
