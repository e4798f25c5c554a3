"""Layers with weights, products, pooling and resizing."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch

from edgeseal.errors import ConversionError
from edgeseal.tflite.graph import (
    NO_ACTIVATION,
    Tensor,
)
from edgeseal.watermark.convert.lowering._lowering_builder import (
    LoweringBuilder,
    Operand,
    Shape,
    Value,
)

__all__ = ["LAYERS"]

_SAME, _VALID = 0, 1
_NCHW = (0, 3, 1, 2)  # order of a result that is stored as NHWC


def _linear(
    b: LoweringBuilder,
    shape: Shape,
    x: Value,
    weight: torch.Tensor,
    bias: torch.Tensor | None = None,
) -> Value:
    """One row for each position, so that dynamic INT8 gives each a scale of its own."""
    rows = b.reshaped(b.plain(x), (math.prod(shape[:-1]), weight.shape[1]))
    biases = None if bias is None else b.constant(bias)
    result = b.op(
        "FULLY_CONNECTED",
        [rows, b.constant(weight), biases],
        (rows.shape[0], shape[-1]),
        keepNumDims=True,
        fusedActivationFunction=NO_ACTIVATION,
    )
    return Value.of(b.reshaped(result, shape))


def _matmul(b: LoweringBuilder, shape: Shape, x: Operand, y: Operand) -> Value:
    if isinstance(x, Value) and isinstance(y, torch.Tensor) and y.ndim == 2:
        return _linear(b, shape, x, y.T)
    left, right = b.plain(x), b.plain(y)
    if left.shape[:-2] != right.shape[:-2]:
        raise ConversionError(
            f"{b.scope} a product of {list(left.shape)} and {list(right.shape)}: write the batch "
            "dimensions out in the definition"
        )
    return Value.of(b.op("BATCH_MATMUL", [left, right], shape, adjX=False, adjY=False))


def _conv2d(
    b: LoweringBuilder,
    shape: Shape,
    x: Value,
    weight: torch.Tensor,
    bias: torch.Tensor | None = None,
    stride: Sequence[int] = (1, 1),
    padding: Sequence[int] | str = (0, 0),
    dilation: Sequence[int] = (1, 1),
    groups: int = 1,
) -> Value:
    source, kernel = b.channels_last(x), weight.shape[2:]
    strides, dilations = _pair(stride), _pair(dilation)
    reach = [step * (size - 1) for step, size in zip(dilations, kernel, strict=True)]
    scheme = _VALID
    if padding == "same" or (
        any(reach) and [2 * p for p in _padding(padding)] == reach and strides == (1, 1)
    ):
        scheme = _SAME
    else:
        source = _padded(b, source, _padding(padding))
    options: dict[str, Any] = {
        "padding": scheme,
        "strideH": strides[0],
        "strideW": strides[1],
        "dilationHFactor": dilations[0],
        "dilationWFactor": dilations[1],
        "fusedActivationFunction": NO_ACTIVATION,
    }
    kind, filters = _filters(b, weight, groups)
    if kind == "DEPTHWISE_CONV_2D":
        options["depthMultiplier"] = weight.shape[0] // groups
    biases = torch.zeros(weight.shape[0]) if bias is None else bias
    made = (shape[0], *shape[2:], shape[1])
    inputs = [source, b.constant(filters), b.constant(biases)]
    return Value(b.op(kind, inputs, made, **options), _NCHW)


def _filters(b: LoweringBuilder, weight: torch.Tensor, groups: int) -> tuple[str, torch.Tensor]:
    """Return the kind of convolution, and the weights in its layout."""
    if groups == 1:
        return "CONV_2D", weight.permute(0, 2, 3, 1)
    if weight.shape[1] == 1:
        return "DEPTHWISE_CONV_2D", weight.permute(1, 2, 3, 0)
    raise ConversionError(
        f"{b.scope} a convolution of {groups} groups of {weight.shape[1]} channels; LiteRT's "
        "delegates take one group, or one for each channel"
    )


def _padding(padding: Sequence[int] | str) -> Shape:
    return (0, 0) if isinstance(padding, str) else _pair(padding)


def _padded(b: LoweringBuilder, source: Tensor, sizes: Shape) -> Tensor:
    if not any(sizes):
        return source
    pairs = [[0, 0], *([size, size] for size in sizes), [0, 0]]
    made = [size + sum(pair) for size, pair in zip(source.shape, pairs, strict=True)]
    return b.op("PAD", [source, b.integers(pairs)], made)


def _avg_pool2d(
    b: LoweringBuilder,
    shape: Shape,
    x: Value,
    kernel: Sequence[int],
    stride: Sequence[int] = (),
    padding: Sequence[int] = (0, 0),
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Value:
    plain = (any(padding), ceil_mode, divisor_override) == (False, False, None)
    if not plain:
        raise ConversionError(f"{b.scope} a pooling that pads; pad in front of it instead")
    sizes, strides = _pair(kernel), _pair(stride or kernel)
    result = b.op(
        "AVERAGE_POOL_2D",
        [b.channels_last(x)],
        (shape[0], *shape[2:], shape[1]),
        padding=_VALID,
        strideH=strides[0],
        strideW=strides[1],
        filterHeight=sizes[0],
        filterWidth=sizes[1],
        fusedActivationFunction=NO_ACTIVATION,
    )
    return Value(result, _NCHW)


def _upsample_bilinear2d(
    b: LoweringBuilder,
    shape: Shape,
    x: Value,
    size: object = None,
    align_corners: bool = False,
    *scales: object,
) -> Value:
    result = b.op(
        "RESIZE_BILINEAR",
        [b.channels_last(x), b.integers(shape[2:])],
        (shape[0], *shape[2:], shape[1]),
        alignCorners=align_corners,
        halfPixelCenters=not align_corners,
    )
    return Value(result, _NCHW)


def _pair(numbers: Sequence[int]) -> Shape:
    return (numbers[0], numbers[-1])


LAYERS: dict[str, Callable[..., Value]] = {
    "avg_pool2d": _avg_pool2d,
    "conv2d": _conv2d,
    "linear": _linear,
    "matmul": _matmul,
    "upsample_bilinear2d": _upsample_bilinear2d,
}
