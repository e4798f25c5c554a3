"""Depthwise convolutions with many taps as a sum of smaller ones.

The accelerated delegate has depthwise kernels of up to 25 taps. Anything larger, such as the 7 x 7
of ConvNeXt, runs there as a convolution of as many groups as there are channels, much slower
than three depthwise convolutions that add up to the same. The three take the middle columns and
then pairs of outer ones, which dilation reaches, so that padding stays the same for all.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from edgeseal.tflite.graph import (
    NO_ACTIVATION,
    Operator,
    Tensor,
    float32_constant,
    new_arithmetic,
)
from edgeseal.tflite.rewrites._rewrite import OperatorRewrite, Proof, Replacement, Site

__all__ = ["SPLIT_LARGE_DEPTHWISE"]

_MOST_TAPS = 25  # of the delegate's depthwise kernels
_MOST_PARTS = 6  # as many as 11 x 11 takes
_SAME = 0  # Padding

Float = NDArray[np.float32]


def _find(site: Site) -> Iterator[Replacement]:
    weights = _large_weights(site.operator)
    if weights is not None:
        text = f"written as sums of those of {_MOST_TAPS} taps at most"
        yield Replacement(text, {site.operator: _split(site.operator, weights)})


def _large_weights(operator: Operator) -> Float | None:
    """Return float32 [1, rows, columns, channels] where the operator can be split."""
    if operator.kind != "DEPTHWISE_CONV_2D" or operator.is_custom or operator.options is None:
        return None
    options, weights = operator.options, operator.inputs[1]
    if weights is None or weights.buffer is None or weights.is_sparse or weights.dtype != "FLOAT32":
        return None
    steps = (options.strideH, options.strideW, options.dilationHFactor, options.dilationWFactor)
    if options.padding != _SAME or steps != (1, 1, 1, 1):
        return None
    _, rows, columns, _ = weights.shape
    if rows * columns <= _MOST_TAPS or rows % 2 == 0 or columns % 2 == 0 or 2 * rows > _MOST_TAPS:
        return None
    if len(list(_groups(rows, columns))) > _MOST_PARTS:
        return None
    return weights.buffer.data.view(np.float32).reshape(weights.shape)


def _split(operator: Operator, weights: Float) -> list[Operator]:
    result = operator.outputs[0]
    groups = list(_groups(weights.shape[1], weights.shape[2]))
    parts = [_part(operator, weights, *group, index=i) for i, group in enumerate(groups)]
    made, total = [parts[0]], parts[0].outputs[0]
    for part in parts[1:]:
        one, total = total, Tensor(f"{part.outputs[0].name}/sum", result.shape, "FLOAT32")
        made += [part, new_arithmetic("ADD", one, part.outputs[0], total)]
    made[-1].outputs = [result]
    made[-1].options.fusedActivationFunction = operator.options.fusedActivationFunction
    return made


def _part(
    operator: Operator, weights: Float, columns: list[int], dilation: int, *, index: int
) -> Operator:
    """Return the convolution that some columns of the weights make; the first has the bias."""
    result, bias = operator.outputs[0], operator.inputs[2] if len(operator.inputs) > 2 else None
    name = f"{result.name}/part{index}"
    options = copy.copy(operator.options)
    options.dilationWFactor = dilation
    options.fusedActivationFunction = NO_ACTIVATION
    taps = float32_constant(f"{name}/weights", np.ascontiguousarray(weights[:, :, columns]))
    no_bias = float32_constant(f"{name}/no_bias", np.zeros(weights.shape[-1], np.float32))
    return dataclasses.replace(
        operator,
        inputs=[operator.inputs[0], taps, no_bias if index or bias is None else bias],
        outputs=[Tensor(name, result.shape, "FLOAT32")],
        options=options,
    )


def _groups(rows: int, columns: int) -> Iterator[tuple[list[int], int]]:
    """Yield columns that lie evenly around the middle one, and their distance."""
    middle = columns // 2
    outer = 1
    if 3 * rows <= _MOST_TAPS:
        yield [middle - 1, middle, middle + 1], 1
        outer = 2
    else:
        yield [middle], 1
    for distance in range(outer, middle + 1):
        yield [middle - distance, middle + distance], 2 * distance


SPLIT_LARGE_DEPTHWISE = OperatorRewrite(
    "depthwise", "depthwise convolutions of over 25 taps as sums", Proof.ROUNDING, _find
)
