"""Mends what an operator says about itself: flags and quantized axes."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterator

from edgeseal.check import has_axis_outside
from edgeseal.graph import Tensor
from edgeseal.repair._candidate import Candidate, Site

__all__ = ["axis_inside", "general_scales"]


def general_scales(site: Site) -> Iterator[Candidate]:
    """Do not claim that scales are powers of two."""
    operator = site.operator
    if not getattr(operator.options, "potScaleInt16", False):
        return
    options = copy.copy(operator.options)
    options.potScaleInt16 = False
    twin = dataclasses.replace(operator, options=options)
    yield Candidate("given pot_scale_int16 = false", {operator: (twin,)}, is_integer=True)


def axis_inside(site: Site) -> Iterator[Candidate]:
    """Give constants whose quantized axis does not exist the one that fits."""
    operator = site.operator
    inputs = [_with_axis_inside(tensor) for tensor in operator.inputs]
    if inputs != operator.inputs:
        twin = dataclasses.replace(operator, inputs=inputs)
        text = "given constants with the quantized axis that they have"
        yield Candidate(text, {operator: (twin,)}, is_integer=True)


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
