"""FULLY_CONNECTED with weights that are computed as BATCH_MATMUL, which the delegate takes.

Converters write the product of two computed matrices, such as the queries and keys of one attention
head, as a fully connected layer. The accelerated delegate has those with constant weights only, so
that the layer runs on LiteRT's own kernel and cuts the graph in two; as BATCH_MATMUL the same
product stays there.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator

from edgeseal.tflite.graph import (
    NO_ACTIVATION,
    Operator,
    Subgraph,
    Tensor,
    new_arithmetic,
    new_matmul,
    new_reshape,
    tensor_like,
)
from edgeseal.tflite.rewrites._rewrite import OperatorRewrite, Proof, Replacement, Site

__all__ = ["MULTIPLY_COMPUTED_WEIGHTS"]

_DEFAULT_LAYOUT = 0  # FullyConnectedOptionsWeightsFormat


def _find(site: Site) -> Iterator[Replacement]:
    operator = site.operator
    if _can_be_product(operator) and _varies(operator.inputs[1], site.subgraph):
        made = _multiplied(operator)
        yield Replacement("with computed weights written as BATCH_MATMUL", {operator: made})


def _varies(tensor: Tensor | None, subgraph: Subgraph) -> bool:
    """Whether a value depends on the model's inputs.

    What depends on constants alone, such as FLOAT16 weights behind a DEQUANTIZE, is a constant to
    the delegate.
    """
    producers, waiting = subgraph.producers(), [tensor]
    seen: set[Tensor | None] = {None}
    while waiting:
        value = waiting.pop()
        if value in subgraph.inputs:
            return True
        if value in producers and value not in seen:
            waiting += producers[value].inputs
        seen.add(value)
    return False


def _can_be_product(operator: Operator) -> bool:
    if operator.kind != "FULLY_CONNECTED" or operator.is_custom or operator.options is None:
        return False
    source, weights, result = operator.inputs[0], operator.inputs[1], operator.outputs[0]
    if source is None or weights is None or weights.is_constant:
        return False
    tensors = (source, weights, result)
    if any(tensor.dtype != "FLOAT32" or tensor.is_dynamic for tensor in tensors):
        return False
    is_plain = operator.options.weightsFormat == _DEFAULT_LAYOUT
    # without a bias there is no addition that could take the activation
    needs_sum = operator.options.fusedActivationFunction != NO_ACTIVATION
    return is_plain and weights.rank == 2 and (not needs_sum or _bias(operator) is not None)


def _bias(operator: Operator) -> Tensor | None:
    return operator.inputs[2] if len(operator.inputs) > 2 else None


def _multiplied(operator: Operator) -> list[Operator]:
    source, weights, result = operator.inputs[0], operator.inputs[1], operator.outputs[0]
    assert source is not None and weights is not None
    bias = _bias(operator)
    outputs, width = weights.shape
    rows = math.prod(source.shape) // width
    made: list[Operator] = []
    if source.rank != 2:
        flat = tensor_like(source, f"{result.name}/rows", (rows, width))
        made.append(new_reshape(source, flat))
        source = flat
    product = tensor_like(result, f"{result.name}/product", (rows, outputs))
    made.append(new_matmul(source, weights, product, adj_y=True))
    if bias is not None:
        total = tensor_like(result, f"{result.name}/sum", product.shape)
        activation = operator.options.fusedActivationFunction
        made.append(new_arithmetic("ADD", product, bias, total, activation=activation))
        product = total
    if product.shape == result.shape:
        made[-1] = dataclasses.replace(made[-1], outputs=[result])
    else:
        made.append(new_reshape(product, result))
    return made


MULTIPLY_COMPUTED_WEIGHTS = OperatorRewrite(
    "computed-weights",
    "FULLY_CONNECTED with computed weights as BATCH_MATMUL",
    Proof.ROUNDING,
    _find,
)
