"""Convolutions of patches that do not overlap as matrix products.

The first layer of a vision transformer multiplies every patch of the picture by the same matrix.
As CONV_2D it is gathered three channels at a time, and dynamic INT8 has one scale for the whole
picture; as FULLY_CONNECTED it runs on the fastest kernel there is, with a scale for every patch.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from edgeseal.tflite.graph import (
    Operator,
    Tensor,
    new_operator,
    new_reshape,
    new_transpose,
)
from edgeseal.tflite.rewrites._rewrite import OperatorRewrite, Proof, Replacement, Site

__all__ = ["MULTIPLY_PATCHES"]

_MOST_CHANNELS = 4  # a picture; with more of them the convolution gathers long enough runs
_LEAST_RUN = 32  # values in a row of a patch; shorter ones cost more to put in order


def _find(site: Site) -> Iterator[Replacement]:
    if _is_patchwise(site.operator):
        made = _multiplied(site.operator)
        yield Replacement("of patches written as FULLY_CONNECTED", {site.operator: made})


def _is_patchwise(operator: Operator) -> bool:
    if operator.kind != "CONV_2D" or operator.is_custom or operator.options is None:
        return False
    source, weights, options = operator.inputs[0], operator.inputs[1], operator.options
    if source is None or weights is None or source.rank != 4 or source.is_dynamic:
        return False
    if {source.dtype, weights.dtype, operator.outputs[0].dtype} != {"FLOAT32"}:
        return False
    _, height, width, channels = source.shape
    kernel = weights.shape[1:3]
    is_plain = weights.is_constant and not weights.is_sparse and weights.shape[3] == channels
    return (
        is_plain
        and kernel[1] * channels >= _LEAST_RUN
        and (options.strideH, options.strideW) == kernel
        and (options.dilationHFactor, options.dilationWFactor) == (1, 1)
        and channels <= _MOST_CHANNELS
        and height % kernel[0] == width % kernel[1] == 0
    )


def _multiplied(operator: Operator) -> list[Operator]:
    source, weights, *bias = operator.inputs
    assert source is not None and weights is not None
    result = operator.outputs[0]
    batch, height, width, channels = source.shape
    outputs, rows, columns, _ = weights.shape
    down, across, run = batch * height // rows, width // columns, columns * channels
    banded = _named(result, "banded", (down, rows, across, run))
    turned = _named(result, "turned", (down, across, rows, run))
    patches = _named(result, "patches", (down * across, rows * run))
    products = _named(result, "products", (down * across, outputs))
    matrix = dataclasses.replace(weights, shape=(outputs, rows * run), raw=None)
    return [
        new_reshape(source, banded),
        new_transpose(banded, (0, 2, 1, 3), turned),
        new_reshape(turned, patches),
        new_operator(
            "FULLY_CONNECTED",
            [patches, matrix, bias[0] if bias else None],
            [products],
            fusedActivationFunction=operator.options.fusedActivationFunction,
            keepNumDims=False,
        ),
        new_reshape(products, result),
    ]


def _named(result: Tensor, what: str, shape: tuple[int, ...]) -> Tensor:
    return Tensor(f"{result.name}/{what}", shape, "FLOAT32")


MULTIPLY_PATCHES = OperatorRewrite(
    "patches", "convolutions of picture patches as FULLY_CONNECTED", Proof.ROUNDING, _find
)
