"""Attention's softmax in a form that integers compute well; the same function in float.

SOFTMAX gives INT8 in steps of 1/256. Spread over 256 keys, that is one step or two. So the weights
stay unnormalised, softmax(s) V = (exp(s - max s) V) / sum exp(s - max s): each row uses the whole
range of INT8, whatever the number of keys, and a table takes the exponential: that of ELU, as
exp(x) = ELU(x) + 1 for x <= 0. Compilers for NPUs have it, where they refuse a quantized EXP; the
sum is exact: both sides have steps of 1/255.
"""

from __future__ import annotations

import numpy as np

from edgeseal.tflite.graph import (
    Operator,
    Subgraph,
    Tensor,
    float32_constant,
    int32_constant,
    new_arithmetic,
    new_operator,
    new_reduction,
    new_reshape,
)
from edgeseal.tflite.quantization.integer._integer_builder import Span

__all__ = ["rewrite_softmaxes"]


def rewrite_softmaxes(subgraph: Subgraph) -> tuple[set[Operator], dict[Tensor, Span]]:
    """Rewrite every softmax whose result a BATCH_MATMUL weights values with, and nothing else.

    Returns:
        Operators that INT8 is enough for, though they stand beside a root, and the ranges of
        tensors that have one whatever the picture.
    """
    narrow: set[Operator] = set()
    ranges: dict[Tensor, Span] = {}
    for softmax in [o for o in subgraph.operators if o.kind == "SOFTMAX"]:
        product = _product(subgraph, softmax)
        is_plain = softmax.options is None or softmax.options.beta == 1
        if product is not None and is_plain:
            narrow |= _rewrite(subgraph, softmax, product, ranges)
    return narrow, ranges


def _product(subgraph: Subgraph, softmax: Operator) -> Operator | None:
    readers = subgraph.consumers()
    tensor = softmax.outputs[0]
    while True:
        users = readers[tensor]
        if len(users) != 1 or tensor in subgraph.outputs:
            return None
        (user,) = users
        if user.kind == "RESHAPE" and user.outputs[0].shape[-2:] == tensor.shape[-2:]:
            tensor = user.outputs[0]
        else:
            return user if _weights_rows(user, tensor) else None


def _weights_rows(operator: Operator, weights: Tensor) -> bool:
    if operator.kind != "BATCH_MATMUL" or operator.inputs[0] is not weights:
        return False
    is_transposed = operator.options is not None and operator.options.adjX
    return operator.inputs[1] is not weights and not is_transposed


def _rewrite(
    subgraph: Subgraph, softmax: Operator, product: Operator, ranges: dict[Tensor, Span]
) -> set[Operator]:
    scores, name = softmax.inputs[0], softmax.outputs[0].name
    assert scores is not None
    column = (*scores.shape[:-1], 1)
    axis = int32_constant("axis", [scores.rank - 1])
    one = float32_constant(f"{name}/one", np.ones((1,) * scores.rank, np.float32))
    whole = scores.shape
    largest, below, lowered, total = (
        Tensor(f"{name}/{part}", shape, "FLOAT32")
        for part, shape in (("max", column), ("below", whole), ("elu", whole), ("sum", column))
    )
    weights = softmax.outputs[0]
    ranges |= {lowered: (-1.0, 0.0), weights: (0.0, 1.0)}
    made = [
        new_reduction("REDUCE_MAX", scores, axis, largest, keep_dims=True),
        new_arithmetic("SUB", scores, largest, below),
        new_operator("ELU", [below], [lowered]),
        new_arithmetic("ADD", lowered, one, weights),
        new_reduction("SUM", weights, axis, total, keep_dims=True),
    ]
    place = subgraph.operators.index(softmax)
    subgraph.operators[place : place + 1] = made
    return {*made, _normalize(subgraph, product, total)}


def _normalize(subgraph: Subgraph, product: Operator, total: Tensor) -> Operator:
    """Divide a product by the sum of its weights; returns the last operator."""
    result = product.outputs[0]
    raw = Tensor(f"{result.name}/raw", result.shape, "FLOAT32")
    product.outputs[0] = raw
    column = (*result.shape[:-1], 1)
    operators = []
    if total.shape != column:
        moved = Tensor(f"{total.name}/moved", column, "FLOAT32")
        operators.append(new_reshape(total, moved, shape=int32_constant("shape", column)))
        total = moved
    root = Tensor(f"{result.name}/root", column, "FLOAT32")
    share = Tensor(f"{result.name}/share", column, "FLOAT32")
    operators += [
        new_operator("RSQRT", [total], [root]),
        new_arithmetic("MUL", root, root, share),
        new_arithmetic("MUL", raw, share, result),
    ]
    subgraph.insert_after(product, *operators)
    return operators[-1]
