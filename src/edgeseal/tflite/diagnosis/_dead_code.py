"""What nothing uses."""

from __future__ import annotations

from edgeseal.tflite.diagnosis._finding import Finding, find_nodes, nodes_of
from edgeseal.tflite.graph import Model, Subgraph
from edgeseal.tflite.probe import called_functions

__all__ = ["dead_functions", "find_dead", "live_operators"]

_SIDE_EFFECTS = frozenset(
    (
        "CALL_ONCE",
        "ASSIGN_VARIABLE",
        "HASHTABLE_IMPORT",
        "WHILE",
        "STABLEHLO_WHILE",
        "IF",
        "CALL",
        "STABLEHLO_COMPOSITE",
        "STABLEHLO_CUSTOM_CALL",
        "CUSTOM",
    )
)
"""Operators that may do more than write their results."""


def find_dead(model: Model) -> list[Finding]:
    """Look for operators, functions, tensors and buffers that nothing uses."""
    live: set[int] = set()
    for subgraph in model.subgraphs:
        live |= live_operators(subgraph)
    found = find_nodes("ES026", nodes_of(model), lambda operator: id(operator) not in live)
    functions = dead_functions(model)
    if functions:
        names = ", ".join(subgraph.name or "a function" for subgraph in functions)
        found.append(Finding("ES026", message=f"functions that nothing calls: {names}"))
    if model.extra_codes:
        kinds = ", ".join(code.kind for code in model.extra_codes)
        found.append(Finding("ES026", message=f"declared, but not in the graph: {kinds}"))
    tensors = [tensor for subgraph in model.subgraphs for tensor in subgraph.extra_tensors]
    if tensors:
        found.append(Finding("ES027", tensors=tuple(tensors)))
    if model.extra_buffers:
        size = sum(buffer.data.size for buffer in model.extra_buffers)
        found.append(Finding("ES028", message=f"{len(model.extra_buffers)} buffers, {size} bytes"))
    return found


def live_operators(subgraph: Subgraph) -> set[int]:
    """Return the identities of the operators whose results or effects count."""
    needed = {id(tensor) for tensor in subgraph.outputs}
    live: set[int] = set()
    for operator in reversed(subgraph.operators):
        counts = operator.is_custom or operator.kind in _SIDE_EFFECTS or not operator.outputs
        if counts or any(id(tensor) in needed for tensor in operator.outputs):
            live.add(id(operator))
            needed.update(id(tensor) for tensor in operator.inputs if tensor is not None)
    return live


def dead_functions(model: Model) -> list[Subgraph]:
    """Return the functions that neither a signature nor a live function reaches."""
    entries = [model.main, *(signature.subgraph for signature in model.signatures)]
    live = {id(subgraph) for subgraph in entries}
    for entry in entries:
        live.update(id(function) for function in called_functions(entry.operators))
    return [subgraph for subgraph in model.subgraphs if id(subgraph) not in live]
