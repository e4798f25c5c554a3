"""Shapes that delegates refuse, or that nobody needs."""

from __future__ import annotations

import numpy as np

from edgeseal.tflite.diagnosis._finding import Finding, Node, find_nodes, nodes_of
from edgeseal.tflite.diagnosis._places import operand, result
from edgeseal.tflite.graph import Model, Operator, Subgraph, Tensor
from edgeseal.tflite.inputs import placeholders

__all__ = ["find_shapes", "needless_broadcasts"]

_MAX_RANK = 4

_BROADCASTING = frozenset(
    (
        "ADD",
        "SUB",
        "MUL",
        "DIV",
        "MAXIMUM",
        "MINIMUM",
        "POW",
        "SQUARED_DIFFERENCE",
        "FLOOR_DIV",
        "FLOOR_MOD",
        "EQUAL",
        "NOT_EQUAL",
        "LESS",
        "LESS_EQUAL",
        "GREATER",
        "GREATER_EQUAL",
        "LOGICAL_AND",
        "LOGICAL_OR",
        "SELECT_V2",
    )
)
"""Operators that broadcast their operands by themselves; so does BATCH_MATMUL its batches."""


def find_shapes(model: Model) -> list[Finding]:
    """Look for high ranks, dynamic shapes and needless broadcasts."""
    nodes = nodes_of(model)
    needless = {id(o) for subgraph in model.subgraphs for o in needless_broadcasts(subgraph)}
    return [
        *_high_rank(nodes),
        *find_nodes("ES023", nodes, _is_dynamic),
        *_placeholders(model),
        *find_nodes("ES024", nodes, lambda operator: id(operator) in needless),
    ]


def _placeholders(model: Model) -> list[Finding]:
    found = placeholders(model)
    if not found:
        return []
    listed = ", ".join(f"{tensor.name} {list(tensor.shape)}" for tensor in found)
    return [Finding("ES034", tensors=tuple(found), message=f"the file states {listed}")]


def needless_broadcasts(subgraph: Subgraph) -> list[Operator]:
    """Return the BROADCAST_TO operators whose every consumer broadcasts to the same result."""
    uses = _uses(subgraph)
    outputs = {id(tensor) for tensor in subgraph.outputs}
    return [
        operator
        for operator in subgraph.operators
        if operator.kind == "BROADCAST_TO"
        and id(result(operator)) not in outputs
        and _is_needless(operator, uses.get(id(result(operator)), []))
    ]


def _is_needless(broadcast: Operator, users: list[Operator]) -> bool:
    source, wide = operand(broadcast, 0), result(broadcast)
    if source is None or wide is None or wide.rank > _MAX_RANK or not users:
        return False
    if source.is_dynamic or wide.is_dynamic:
        return False
    return source.shape == wide.shape or all(
        _broadcasts_itself(user, source, wide) for user in users
    )


def _high_rank(nodes: list[Node]) -> list[Finding]:
    high = [
        node
        for node in nodes
        if any(t.rank > _MAX_RANK for t in [*node.operator.inputs, *node.operator.outputs] if t)
    ]
    if not high:
        return []
    tensors = {id(t): t for node in high for t in node.operator.outputs if t.rank > _MAX_RANK}
    ranks = sorted({tensor.rank for tensor in tensors.values()})
    counts = (f"{sum(t.rank == r for t in tensors.values())} of rank {r}" for r in ranks)
    return [Finding("ES022", tuple(high), message=", ".join(counts))]


def _is_dynamic(operator: Operator) -> bool:
    return any(tensor.is_dynamic for tensor in operator.outputs)


def _broadcasts_itself(user: Operator, source: Tensor, wide: Tensor) -> bool:
    """Whether ``user`` gives the same result on ``source`` as on ``wide``, its broadcast."""
    operands = [operand for operand in user.inputs if operand is not None]
    shapes = [source.shape if operand is wide else operand.shape for operand in operands]
    target = () if not user.outputs else user.outputs[0].shape
    if user.kind == "BATCH_MATMUL":
        matrix, batches = wide.shape[-2:], [shape[:-2] for shape in shapes]
        return source.shape[-2:] == matrix and _broadcast(batches) == target[:-2]
    return user.kind in _BROADCASTING and _broadcast(shapes) == target


def _broadcast(shapes: list[tuple[int, ...]]) -> tuple[int, ...] | None:
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:  # they do not go together
        return None


def _uses(subgraph: Subgraph) -> dict[int, list[Operator]]:
    uses: dict[int, list[Operator]] = {}
    for operator in subgraph.operators:
        for tensor in operator.inputs:
            if tensor is not None:
                uses.setdefault(id(tensor), []).append(operator)
    return uses
