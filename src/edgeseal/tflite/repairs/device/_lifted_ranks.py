"""Lifts elementwise operators to rank 4, where devices count dimensions alike.

A GPU keeps every tensor as batch, height, width, channels. Of a value of rank 2 or 3 it has to
guess which of them its dimensions are, and guesses otherwise for a constant than for a value.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from edgeseal.tflite.graph import Operator, Subgraph, Tensor, new_dequantize, new_reshape
from edgeseal.tflite.graph import tensor_like as like
from edgeseal.tflite.probe import constant_values
from edgeseal.tflite.rewrites import OperatorRewrite, Proof, Replacement, Site

__all__ = ["LIFT_RANKS"]

_RANK = 4
_KINDS = ("ADD", "SUB", "MUL", "DIV", "MAXIMUM", "MINIMUM", "SQUARED_DIFFERENCE")


def _find(site: Site) -> Iterator[Replacement]:
    operator = site.operator
    if operator.kind not in _KINDS or operator.is_custom:
        return
    tensors = [t for t in (*operator.inputs, *operator.outputs) if t is not None]
    ranks = {tensor.rank for tensor in tensors}
    if max(ranks) <= _RANK and any(1 < rank < _RANK for rank in ranks):
        yield Replacement("lifted to rank 4", {operator: _lifted(operator, site.subgraph)})


def _lifted(operator: Operator, subgraph: Subgraph) -> list[Operator]:
    producers = subgraph.producers()
    made: list[Operator] = []
    inputs: list[Tensor | None] = []
    for tensor in operator.inputs:
        if tensor is None or tensor.rank == _RANK:
            inputs.append(tensor)
            continue
        steps, wide = _wide_operand(tensor, producers.get(tensor))
        made += steps
        inputs.append(wide)
    (result,) = operator.outputs
    if result.rank == _RANK:
        return [*made, dataclasses.replace(operator, inputs=inputs)]
    wide = like(result, f"{result.name}/rank4", _shape(result))
    lifted = dataclasses.replace(operator, inputs=inputs, outputs=[wide])
    return [*made, lifted, new_reshape(wide, result)]


def _wide_operand(tensor: Tensor, producer: Operator | None) -> tuple[list[Operator], Tensor]:
    """Return an operand in rank 4; a constant, and one that is unpacked, without a RESHAPE."""
    wide = like(tensor, f"{tensor.name}/rank4", _shape(tensor))
    if _is_plain(tensor):
        wide.buffer = tensor.buffer
        return [], wide
    packed = producer.inputs[0] if producer is not None else None
    if producer is None or producer.kind != "DEQUANTIZE" or packed is None or not _is_plain(packed):
        return [new_reshape(tensor, wide)], wide
    lifted = like(packed, f"{packed.name}/rank4", wide.shape)
    lifted.buffer = packed.buffer
    return [new_dequantize(lifted, wide)], wide


def _is_plain(tensor: Tensor) -> bool:
    """Whether a tensor is a constant whose bytes are the same in any shape."""
    scales = 0 if tensor.quantization is None else tensor.quantization.scale.size
    return constant_values(tensor) is not None and tensor.blockwise is None and scales <= 1


def _shape(tensor: Tensor) -> tuple[int, ...]:
    return (1,) * (_RANK - tensor.rank) + tensor.shape


LIFT_RANKS = OperatorRewrite(
    "lifted-ranks", "elementwise operators of rank 2 and 3 in rank 4", Proof.EXACT, _find
)
