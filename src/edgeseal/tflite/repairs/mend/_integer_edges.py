"""Brings mixed operands into one integer type, by QUANTIZE on the edges that differ."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np

from edgeseal.tflite.graph import Operator, Quantization, Tensor
from edgeseal.tflite.probe import is_quantized
from edgeseal.tflite.repairs.mend._float_islands import WEIGHTS_INPUT
from edgeseal.tflite.repairs.mend._typed_edges import Edges, real_values, stored, symmetric
from edgeseal.tflite.rewrites import OperatorRewrite, Proof, Replacement, Site

__all__ = ["UNIFY_TYPES"]

_CHANNEL_AXIS = {"DEPTHWISE_CONV_2D": 3}  # of weights; 0 for other layers
_BIAS = {"INT8": "INT32", "INT16": "INT64"}


def _find(site: Site) -> Iterator[Replacement]:
    """Compute the operator in INT8 or INT16, whichever is in use around it."""
    operator = site.operator
    dtypes = {tensor.dtype for tensor in _values(operator) if is_quantized(tensor)}
    for dtype in ("INT8", "INT16"):
        if dtype not in dtypes:
            continue
        edges = Edges(site.ranges)
        convert = _layer if operator.kind in WEIGHTS_INPUT else _plain
        twin = convert(operator, dtype, edges)
        if twin is not None and (edges.before or edges.behind or twin.inputs != operator.inputs):
            replaced = {operator: (*edges.before, twin, *edges.behind)}
            yield Replacement(f"brought to {dtype} on all sides", replaced)


def _values(operator: Operator) -> list[Tensor]:
    """Return the tensors that hold real numbers."""
    tensors = [*operator.inputs, *operator.outputs]
    return [t for t in tensors if t is not None and (is_quantized(t) or t.dtype == "FLOAT32")]


def _plain(operator: Operator, dtype: str, edges: Edges) -> Operator | None:
    values = set(_values(operator))
    inputs = [
        edges.as_integer(tensor, dtype) if tensor in values else tensor
        for tensor in operator.inputs
    ]
    outputs = [
        edges.integer_result(tensor, dtype) if tensor in values else tensor
        for tensor in operator.outputs
    ]
    known = [tensor for tensor in outputs if tensor is not None]
    if len(known) < len(outputs) or inputs.count(None) > operator.inputs.count(None):
        return None
    return dataclasses.replace(operator, inputs=inputs, outputs=known)


def _layer(operator: Operator, dtype: str, edges: Edges) -> Operator | None:
    """Give a layer INT8 weights and a bias of the product of both scales."""
    position = WEIGHTS_INPUT[operator.kind]
    source_position = 2 if operator.kind == "TRANSPOSE_CONV" else 0
    bias_position = source_position + 1 if source_position else 2
    inputs = list(operator.inputs)
    if len(inputs) <= max(position, source_position) or not operator.outputs:
        return None
    source, weights = inputs[source_position], inputs[position]
    bias = inputs[bias_position] if len(inputs) > bias_position else None
    if source is None or weights is None:
        return None
    source = edges.as_integer(source, dtype)
    weights = _int8_weights(weights, _CHANNEL_AXIS.get(operator.kind, 0))
    result = edges.integer_result(operator.outputs[0], dtype)
    if source is None or weights is None or result is None:
        return None
    inputs[source_position], inputs[position] = source, weights
    if bias is not None:
        inputs[bias_position] = _wide_bias(bias, source, weights, _BIAS[dtype])
        if inputs[bias_position] is None:
            return None
    return dataclasses.replace(operator, inputs=inputs, outputs=[result])


def _int8_weights(weights: Tensor, axis: int) -> Tensor | None:
    if weights.dtype in ("INT4", "INT8"):
        return weights
    values = real_values(weights)
    if values is None or weights.dtype not in ("FLOAT32", "INT16"):
        return None
    return stored(f"{weights.name}/int8", values, "INT8", symmetric(values, "INT8", axis))


def _wide_bias(bias: Tensor, source: Tensor, weights: Tensor, dtype: str) -> Tensor | None:
    values = real_values(bias)
    if values is None or source.quantization is None or weights.quantization is None:
        return None
    if source.quantization.scale.size != 1:
        return None  # no layer takes a scale per channel there
    scale = (source.quantization.scale * weights.quantization.scale).astype(np.float32)
    how = Quantization(scale, np.zeros(scale.shape, np.int64))
    return stored(f"{bias.name}/{dtype.lower()}", values, dtype, how)


UNIFY_TYPES = OperatorRewrite(
    "one-type", "mixed operands brought to INT8 or INT16", Proof.MEASURED, _find
)
