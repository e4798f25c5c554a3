"""Float islands: operators between DEQUANTIZE and QUANTIZE in an integer model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from edgeseal.tflite.diagnosis._finding import Finding, Node
from edgeseal.tflite.graph import Model, Operator, Subgraph, Tensor

__all__ = ["find_islands"]


def find_islands(model: Model) -> list[Finding]:
    """Look for float operators that lie between DEQUANTIZE and QUANTIZE on every side."""
    nodes: list[Node] = []
    for subgraph in model.subgraphs:
        nodes += _islands(subgraph)
    return [Finding("ES021", tuple(nodes))] if nodes else []


def _islands(subgraph: Subgraph) -> list[Node]:
    ends = {id(t) for t in [*subgraph.inputs, *subgraph.outputs]}
    floats = [
        (number, operator)
        for number, operator in enumerate(subgraph.operators)
        if operator.kind not in ("QUANTIZE", "DEQUANTIZE")
        and any(t.dtype == "FLOAT32" for t in operator.outputs)
    ]
    groups = _connected([operator for _, operator in floats])
    open_groups = {
        groups[id(operator)]
        for _, operator in floats
        if any(id(t) in ends for t in [*operator.inputs, *operator.outputs] if t is not None)
    }
    closed = [
        Node(operator, subgraph, number)
        for number, operator in floats
        if groups[id(operator)] not in open_groups
    ]
    # a graph whose float part reaches no end at all may still hold nothing but floats
    has_integers = any(operator.kind == "DEQUANTIZE" for operator in subgraph.operators)
    return closed if has_integers else []


def _connected(operators: list[Operator]) -> dict[int, int]:
    """Return a group number for each operator; those that share a computed tensor share one."""
    group: dict[int, int] = {}
    by_tensor: dict[int, int] = {}
    parents: list[int] = []

    def root(number: int) -> int:
        while parents[number] != number:
            number = parents[number]
        return number

    for operator in operators:
        mine = len(parents)
        parents.append(mine)
        group[id(operator)] = mine
        for tensor in _computed([*operator.inputs, *operator.outputs]):
            other = by_tensor.setdefault(id(tensor), mine)
            parents[root(other)] = root(mine)
    return {key: root(number) for key, number in group.items()}


def _computed(tensors: Iterable[Tensor | None]) -> Iterator[Tensor]:
    return (tensor for tensor in tensors if tensor is not None and not tensor.is_constant)
