"""Leaves operators float inside an integer model, between DEQUANTIZE and QUANTIZE."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

from edgeseal.tflite.graph import Operator, Subgraph, Tensor
from edgeseal.tflite.probe import is_quantized
from edgeseal.tflite.repairs.mend._typed_edges import Edges
from edgeseal.tflite.rewrites import OperatorRewrite, Proof, Replacement, Site

__all__ = ["COMPUTE_IN_FLOAT", "WEIGHTS_INPUT", "float_island"]

WEIGHTS_INPUT = {
    "FULLY_CONNECTED": 1,
    "CONV_2D": 1,
    "DEPTHWISE_CONV_2D": 1,
    "TRANSPOSE_CONV": 1,
}
"""Where layers keep their weights, which may be INT8 when everything else is float."""


def _find(site: Site) -> Iterator[Replacement]:
    """Compute the operator in float; a layer also with its weights left as they are."""
    operator = site.operator
    text = "computed in float, quantized constants dequantized in place"
    yield from float_island(site.subgraph, [operator], text)
    position = WEIGHTS_INPUT.get(operator.kind, len(operator.inputs))
    weights = operator.inputs[position] if position < len(operator.inputs) else None
    if weights is not None and is_quantized(weights):
        text = "computed on float activations, its weights left as they are"
        yield from float_island(site.subgraph, [operator], text, keep_weights=True)


def float_island(
    subgraph: Subgraph, operators: Sequence[Operator], text: str, *, keep_weights: bool = False
) -> Iterator[Replacement]:
    """Compute operators in float, if any of them is quantized.

    Args:
        subgraph: holds them.
        operators: in its order.
        text: what to say of it.
        keep_weights: leave the weights of layers as they are.
    """
    edges, floats = Edges({}), dict[Tensor, Tensor]()
    replaced: dict[Operator, tuple[Operator, ...]] = {}
    consumers = subgraph.consumers()
    for operator in operators:
        edges.before, edges.behind = [], []
        weights = WEIGHTS_INPUT.get(operator.kind) if keep_weights else None
        inputs = [
            tensor
            if tensor is None or position == weights
            else floats.get(tensor) or edges.as_float(tensor)
            for position, tensor in enumerate(operator.inputs)
        ]
        outputs = [_result(tensor, edges) for tensor in operator.outputs]
        floats.update(zip(operator.outputs, outputs, strict=True))
        needed = [t for t in operator.outputs if _is_needed(t, subgraph, consumers, operators)]
        behind = [o for o in edges.behind if o.outputs[0] in needed]
        twin = dataclasses.replace(operator, inputs=inputs, outputs=outputs)
        replaced[operator] = (*edges.before, twin, *behind)
    if any(len(new) > 1 for new in replaced.values()):
        yield Replacement(text, replaced, is_float=True)


def _result(tensor: Tensor, edges: Edges) -> Tensor:
    return edges.float_result(tensor) if is_quantized(tensor) else tensor


def _is_needed(
    tensor: Tensor,
    subgraph: Subgraph,
    consumers: dict[Tensor, list[Operator]],
    inside: Sequence[Operator],
) -> bool:
    """Whether a quantized result is read outside of the island."""
    return tensor in subgraph.outputs or any(user not in inside for user in consumers[tensor])


COMPUTE_IN_FLOAT = OperatorRewrite(
    "float-island", "float between DEQUANTIZE and QUANTIZE", Proof.MEASURED, _find
)
