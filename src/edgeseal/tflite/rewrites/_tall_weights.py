"""CONV_2D of very many input channels as the sum of some of fewer.

GPUs keep weights in textures, with a row for each input channel of each tap. WebGPU promises 8192
rows; beyond that LiteRT's accelerator computes zeros and does not say so.
"""

from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Iterator

import numpy as np

from edgeseal.tflite.graph import (
    NO_ACTIVATION,
    Buffer,
    Operator,
    Tensor,
    float32_constant,
    new_arithmetic,
    new_dequantize,
    new_slice,
    tensor_like,
)
from edgeseal.tflite.probe import constant_values
from edgeseal.tflite.rewrites._rewrite import OperatorRewrite, Proof, Replacement, Site

__all__ = ["SPLIT_TALL_WEIGHTS"]

_MOST_ROWS = 8192
_GROUP = 4  # channels that a texture holds side by side
_TYPES = ("FLOAT32", "INT8")  # of weights; scales are those of output channels


def _find(site: Site) -> Iterator[Replacement]:
    operator = site.operator
    if operator.kind != "CONV_2D" or operator.is_custom or operator.options is None:
        return
    source, weights, bias = operator.inputs
    if (
        source is None
        or weights is None
        or bias is None
        or source.dtype != "FLOAT32"
        or source.is_dynamic
    ):
        return
    packed = _packed(weights, site)
    channels, taps = source.shape[-1], math.prod(weights.shape[1:3])
    is_grouped = weights.shape[-1] != channels
    if (
        packed is None
        or constant_values(packed) is None
        or is_grouped
        or taps * channels <= _MOST_ROWS
        or taps > _MOST_ROWS
    ):
        return
    size = _MOST_ROWS // taps // _GROUP * _GROUP or 1
    text = f"written as the sum of those of {size} input channels at most"
    yield Replacement(text, {operator: _summed(operator, packed, size)})


def _packed(weights: Tensor, site: Site) -> Tensor | None:
    """Return the constant that weights are, or are unpacked from."""
    producer = None if weights.is_constant else site.subgraph.producers().get(weights)
    if producer is not None and producer.kind == "DEQUANTIZE":
        (packed,) = producer.inputs
        return packed if packed is not None and packed.dtype in ("FLOAT16", *_TYPES) else None
    return weights if weights.is_constant and weights.dtype in _TYPES else None


def _summed(operator: Operator, packed: Tensor, size: int) -> list[Operator]:
    source, weights, bias = operator.inputs
    assert source is not None and weights is not None
    result = operator.outputs[0]
    nothing = float32_constant(f"{result.name}/nothing", np.zeros(result.shape[-1], np.float32))
    made: list[Operator] = []
    total: Tensor | None = None
    for start in range(0, source.shape[-1], size):
        stop = min(start + size, source.shape[-1])
        taken = new_slice(source, source.rank - 1, start, stop - start)
        steps, own = _part(weights, packed, start, stop)
        product = tensor_like(result, f"{result.name}/{start}:{stop}", result.shape)
        inputs = [taken.outputs[0], own, bias if total is None else nothing]
        made += [taken, *steps, _without_activation(operator, inputs, product)]
        if total is not None:
            summed = tensor_like(result, f"{result.name}/0:{stop}", result.shape)
            made.append(new_arithmetic("ADD", total, product, summed))
            product = summed
        total = product
    last = made[-1]
    last.outputs[0] = result
    last.options.fusedActivationFunction = operator.options.fusedActivationFunction
    return made


def _part(weights: Tensor, packed: Tensor, start: int, stop: int) -> tuple[list[Operator], Tensor]:
    """Return the weights of some input channels, and what unpacks them."""
    values = constant_values(packed)
    assert values is not None
    name = f"{packed.name}/{start}:{stop}"
    own = tensor_like(packed, name, (*packed.shape[:-1], stop - start))
    own.buffer = Buffer.of(np.ascontiguousarray(values[..., start:stop]))
    if packed is weights:
        return [], own
    wide = tensor_like(weights, f"{weights.name}/{start}:{stop}", own.shape)
    return [new_dequantize(own, wide)], wide


def _without_activation(
    operator: Operator, inputs: list[Tensor | None], result: Tensor
) -> Operator:
    options = copy.copy(operator.options)
    options.fusedActivationFunction = NO_ACTIVATION
    return dataclasses.replace(operator, inputs=inputs, outputs=[result], options=options)


SPLIT_TALL_WEIGHTS = OperatorRewrite(
    "tall-weights",
    "CONV_2D of very many input channels as a sum of smaller ones",
    Proof.MEASURED,  # but for rounding, where weights are floats
    _find,
)
