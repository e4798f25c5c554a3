"""Lets layers compute in float where quantizing while running costs more time than it saves.

Integer kernels need the layer's input quantized anew in every run: two passes over it. A layer with
few products for each value of its input has less to gain than that, and a depthwise convolution
falls off the accelerated delegate altogether, which has no such kernel. These layers have few
weights, so the file hardly grows, and they come out exact.
"""

from __future__ import annotations

import dataclasses
import math

from edgeseal.tflite.graph import Operator, count_macs
from edgeseal.tflite.quantization._weighted_layers import WeightedLayer, input_layers
from edgeseal.tflite.quantization._work import Work
from edgeseal.tflite.quantization.recipe._recipe import Activations, Precision, WeightType

__all__ = ["keep_fast_floats"]

_LEAST_VALUES = 2**16  # of a layer's input; below it nothing here costs time worth a rule
_MOST_WEIGHTS = 2**14  # of a layer that stays float32
_LEAST_MACS = 32  # multiply-accumulates for each value of the input that pay for quantizing it
_MOST_PICTURE_WEIGHTS = 64  # per output channel; two integer terms would be slower than float
_MOST_TAPS = 25  # of the delegate's depthwise kernels in float
_FLOAT32 = Precision(WeightType.FLOAT32, Activations.FLOAT)
_FLOAT16 = Precision(WeightType.FLOAT16, Activations.FLOAT)


def keep_fast_floats(work: Work) -> None:
    """Change the plan for dynamic layers that are faster in float, and note how many those are."""
    if not work.recipe.methods.fast_floats:
        return
    pictures = {layer.operator for layer in input_layers(work.model.main)}
    count = 0
    for operator, entry in list(work.plan.entries.items()):
        precision = entry.precision
        if entry.layer is None or precision is None:
            continue
        if precision.activations is not Activations.DYNAMIC:
            continue
        better = _better(entry.layer, is_first=operator in pictures)
        if better is not None:
            work.plan.entries[operator] = dataclasses.replace(entry, precision=better)
            count += 1
    if count:
        layers = "1 layer computes" if count == 1 else f"{count} layers compute"
        work.notes.append(f"{layers} in float, which is faster there than quantizing while running")


def _better(layer: WeightedLayer, *, is_first: bool) -> Precision | None:
    operator = layer.operator
    if operator.kind == "DEPTHWISE_CONV_2D":
        taps = math.prod(layer.weights.shape[:3])
        return _FLOAT16 if taps <= _MOST_TAPS else None
    source = operator.inputs[0]
    values = 0 if source is None else math.prod(source.shape)
    if operator.kind != "CONV_2D" or values < _LEAST_VALUES:
        return None
    weights = math.prod(layer.weights.shape)
    if weights > _MOST_WEIGHTS:
        return None
    if is_first and weights <= _MOST_PICTURE_WEIGHTS * layer.weights.shape[0]:
        return _FLOAT32
    return _FLOAT32 if _macs(operator) < _LEAST_MACS * values else None


def _macs(operator: Operator) -> float:
    macs = count_macs(operator)
    return math.inf if macs is None else macs.count
