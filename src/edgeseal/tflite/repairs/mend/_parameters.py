"""Mends what an operator says about itself: flags and quantized axes."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterator

from edgeseal.tflite.diagnosis import has_axis_outside
from edgeseal.tflite.graph import Tensor
from edgeseal.tflite.repairs.mend._typed_edges import real_values, stored, symmetric
from edgeseal.tflite.rewrites import OperatorRewrite, Proof, Replacement, Site

__all__ = ["CLEAR_POT_SCALE", "CORRECT_AXIS", "UNIFY_SCALES"]


def _general_scales(site: Site) -> Iterator[Replacement]:
    """Do not claim that scales are powers of two."""
    operator = site.operator
    if not getattr(operator.options, "potScaleInt16", False):
        return
    options = copy.copy(operator.options)
    options.potScaleInt16 = False
    twin = dataclasses.replace(operator, options=options)
    yield Replacement("given pot_scale_int16 = false", {operator: (twin,)})


def _axis_inside(site: Site) -> Iterator[Replacement]:
    """Give constants whose quantized axis does not exist the one that fits."""
    operator = site.operator
    inputs = [_with_axis_inside(tensor) for tensor in operator.inputs]
    if inputs != operator.inputs:
        twin = dataclasses.replace(operator, inputs=inputs)
        text = "given constants with the quantized axis that they have"
        yield Replacement(text, {operator: (twin,)})


def _one_scale(site: Site) -> Iterator[Replacement]:
    """Give constants of products one scale: the kernel does not heed a scale per channel."""
    operator = site.operator
    if operator.kind != "BATCH_MATMUL":
        return
    inputs = [_with_one_scale(tensor) for tensor in operator.inputs]
    if inputs != operator.inputs:
        twin = dataclasses.replace(operator, inputs=inputs)
        yield Replacement("given constants with one scale", {operator: (twin,)})


def _with_one_scale(tensor: Tensor | None) -> Tensor | None:
    if tensor is None or tensor.quantization is None or tensor.quantization.scale.size == 1:
        return tensor
    values = real_values(tensor)
    if values is None:
        return tensor
    return stored(tensor.name, values, tensor.dtype, symmetric(values, tensor.dtype))


def _with_axis_inside(tensor: Tensor | None) -> Tensor | None:
    if tensor is None or not tensor.is_constant or not has_axis_outside(tensor):
        return tensor
    quantization = tensor.quantization
    count = 1 if quantization is None else quantization.scale.size
    fitting = [axis for axis, size in enumerate(tensor.shape) if size == count]
    if quantization is None or (len(fitting) != 1 and count > 1):
        return tensor
    axis = fitting[0] if count > 1 else 0
    return dataclasses.replace(tensor, quantization=dataclasses.replace(quantization, axis=axis))


CLEAR_POT_SCALE = OperatorRewrite(
    "pot-scale", "no claim that scales are powers of two", Proof.MEASURED, _general_scales
)


CORRECT_AXIS = OperatorRewrite(
    "quantized-axis", "constants with a quantized axis that they have", Proof.MEASURED, _axis_inside
)


UNIFY_SCALES = OperatorRewrite(
    "one-scale", "constants of BATCH_MATMUL with one scale", Proof.MEASURED, _one_scale
)
