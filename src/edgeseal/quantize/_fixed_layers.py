"""Layers on INT8 activations whose ranges are fixed beforehand, between QUANTIZE and DEQUANTIZE.

A tensor that several layers read is quantized once; one that a layer makes and only layers read is
never widened.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from edgeseal.calibrate import Method, Statistics, choose_range
from edgeseal.graph import Buffer, Operator, Quantization, Subgraph, Tensor, new_operator
from edgeseal.quantize._layers import WEIGHTS_INPUT
from edgeseal.quantize._plan import PlannedOperator
from edgeseal.quantize._recipe import Activations
from edgeseal.quantize._weights import IntegerWeights, constant, integer_constant, integer_values
from edgeseal.quantize._work import Work

__all__ = ["affine", "fix_layer_ranges"]

_LEVELS = 255
_LOWEST = -128
_BIAS_INPUT = 2
_BIAS_LIMIT = 2**30  # of INT32, with room for the sum of products
_DEQUANTIZE_VERSION = 2  # the first that takes INT8
_VERSIONS = {"FULLY_CONNECTED": 4, "CONV_2D": 3, "DEPTHWISE_CONV_2D": 3}  # as above


def fix_layer_ranges(work: Work) -> None:
    """Let layers whose activations are INT8 take and give INT8 with fixed ranges.

    Recipes that also fix ranges of operators without weights are not for this stage.
    """
    fixed = [
        entry
        for entry in work.plan.entries.values()
        if entry.precision is not None and entry.precision.activations is Activations.INT8
    ]
    if any(entry.layer is None for entry in fixed):
        return
    boundary = _Boundary(work.model.main, work.observed, work.recipe.methods.ranges)
    order = {operator: place for place, operator in enumerate(work.model.main.operators)}
    for entry in sorted(fixed, key=lambda entry: order[entry.operator]):
        _fix(entry, boundary)
    boundary.widen_results()


def affine(low: float, high: float) -> Quantization:
    """Return INT8 parameters that represent 0 exactly and a range as well as that allows."""
    low, high = min(low, 0.0), max(high, 0.0)
    scale = np.float32(max((high - low) / _LEVELS, np.finfo(np.float32).tiny))
    zero = int(np.clip(round(_LOWEST - low / float(scale)), _LOWEST, -_LOWEST - 1))
    return Quantization(np.array([scale], np.float32), np.array([zero], np.int64))


@dataclass(slots=True)
class _Boundary:
    """INT8 forms of float tensors."""

    subgraph: Subgraph
    observed: Mapping[Tensor, Statistics]
    method: Method
    integers: dict[Tensor, Tensor] = field(default_factory=dict)
    made: dict[Tensor, Operator] = field(default_factory=dict)

    def taken(self, tensor: Tensor, reader: Operator) -> Tensor:
        """Return a tensor as INT8, known before ``reader``."""
        if tensor not in self.integers:
            self.integers[tensor] = self._new(tensor)
            operator = new_operator("QUANTIZE", [tensor], [self.integers[tensor]])
            self.subgraph.insert_before(reader, operator)
        return self.integers[tensor]

    def given(self, tensor: Tensor, maker: Operator) -> Tensor:
        """Return what ``maker`` makes in the place of a float tensor."""
        self.integers[tensor] = self._new(tensor)
        self.made[tensor] = maker
        return self.integers[tensor]

    def widen_results(self) -> None:
        """Give float readers of what layers make their floats back."""
        read = {tensor for operator in self.subgraph.operators for tensor in operator.inputs}
        for tensor, maker in self.made.items():
            if tensor in read or tensor in self.subgraph.outputs:
                source = [self.integers[tensor]]
                widen = new_operator("DEQUANTIZE", [*source], [tensor], version=_DEQUANTIZE_VERSION)
                self.subgraph.insert_after(maker, widen)

    def _new(self, tensor: Tensor) -> Tensor:
        low, high = choose_range(self.observed[tensor], self.method)
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
    _fix_bias(operator, integer_values(weights), scale)
    operator.outputs[0] = boundary.given(result, operator)
    operator.version = max(operator.version, _VERSIONS[operator.kind])


def _fix_bias(operator: Operator, weights: IntegerWeights, input_scale: float) -> None:
    """Give a layer an INT32 bias, and coarser weights where that would overflow."""
    bias = operator.inputs[_BIAS_INPUT] if len(operator.inputs) > _BIAS_INPUT else None
    if bias is None:
        return
    values = constant(bias).astype(np.float64)
    needed = (np.abs(values) / (input_scale * _BIAS_LIMIT)).astype(np.float32)
    if (needed > weights.scale).any():
        weights = _coarser(weights, np.maximum(needed, weights.scale))
        old = operator.inputs[WEIGHTS_INPUT]
        name = "" if old is None else old.name
        operator.inputs[WEIGHTS_INPUT] = integer_constant(name, weights)
    scale = (weights.scale * np.float32(input_scale)).astype(np.float32)
    scale = np.maximum(scale, np.finfo(np.float32).tiny)
    stored = np.rint(values / scale).astype(np.int32)
    parameters = Quantization(scale, np.zeros(scale.size, np.int64))
    operator.inputs[_BIAS_INPUT] = Tensor(
        bias.name, bias.shape, "INT32", Buffer.of(stored), parameters
    )


def _coarser(weights: IntegerWeights, scale: NDArray[np.float32]) -> IntegerWeights:
    """Round integer weights to a coarser grid."""
    shape = [1] * weights.values.ndim
    shape[weights.axis] = -1
    ratio = (weights.scale / scale).reshape(shape)
    return IntegerWeights(np.rint(weights.values * ratio).astype(np.int8), scale, weights.axis)
