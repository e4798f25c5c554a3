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

from edgeseal.tflite.graph import Model, Operator, Subgraph, Tensor, new_operator
from edgeseal.tflite.rewrites._operators_of import like, reshape

__all__ = ["multiply_computed_weights"]

_DEFAULT_LAYOUT = 0  # FullyConnectedOptionsWeightsFormat
_NO_ACTIVATION = 0


def multiply_computed_weights(model: Model) -> int:
    """Rewrite the FLOAT32 FULLY_CONNECTED whose weights are no constants; the same products.

    Returns:
        How many were rewritten.
    """
    found = [
        (subgraph, operator)
        for subgraph in model.subgraphs
        for operator in _with_computed_weights(subgraph)
    ]
    for subgraph, operator in found:
        _rewrite(subgraph, operator)
    return len(found)


def _with_computed_weights(subgraph: Subgraph) -> Iterator[Operator]:
    """Yield the layers whose weights depend on the model's inputs.

    What depends on constants alone, such as FLOAT16 weights behind a DEQUANTIZE, is a constant to
    the delegate.
    """
    varying = set(subgraph.inputs)
    for operator in subgraph.operators:
        if varying.isdisjoint(operator.inputs):
            continue
        varying.update(operator.outputs)
        if _can_be_product(operator) and operator.inputs[1] in varying:
            yield operator


def _can_be_product(operator: Operator) -> bool:
    if operator.kind != "FULLY_CONNECTED" or operator.is_custom or operator.options is None:
        return False
    source, weights, result = operator.inputs[0], operator.inputs[1], operator.outputs[0]
    if source is None or weights is None:
        return False
    tensors = (source, weights, result)
    if any(tensor.dtype != "FLOAT32" or tensor.is_dynamic for tensor in tensors):
        return False
    is_plain = operator.options.weightsFormat == _DEFAULT_LAYOUT
    # without a bias there is no addition that could take the activation
    needs_sum = operator.options.fusedActivationFunction != _NO_ACTIVATION
    return is_plain and weights.rank == 2 and (not needs_sum or _bias(operator) is not None)


def _bias(operator: Operator) -> Tensor | None:
    return operator.inputs[2] if len(operator.inputs) > 2 else None


def _rewrite(subgraph: Subgraph, operator: Operator) -> None:
    source, weights, result = operator.inputs[0], operator.inputs[1], operator.outputs[0]
    assert source is not None and weights is not None
    bias = _bias(operator)
    outputs, width = weights.shape
    rows = math.prod(source.shape) // width
    made: list[Operator] = []
    if source.rank != 2:
        flat = like(source, f"{result.name}/rows", (rows, width))
        made.append(reshape(source, flat))
        source = flat
    product = like(result, f"{result.name}/product", (rows, outputs))
    made.append(
        new_operator(
            "BATCH_MATMUL",
            [source, weights],
            [product],
            adjX=False,
            adjY=True,
            asymmetricQuantizeInputs=False,
        )
    )
    if bias is not None:
        total = like(result, f"{result.name}/sum", product.shape)
        activation = operator.options.fusedActivationFunction
        made.append(
            new_operator("ADD", [product, bias], [total], fusedActivationFunction=activation)
        )
        product = total
    if product.shape == result.shape:
        made[-1] = dataclasses.replace(made[-1], outputs=[result])
    else:
        made.append(reshape(product, result))
    subgraph.insert_before(operator, *made)
    subgraph.operators.remove(operator)
