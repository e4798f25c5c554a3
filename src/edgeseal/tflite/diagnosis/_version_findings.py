"""Operators that state another version than they need."""

from __future__ import annotations

from edgeseal.tflite.diagnosis._finding import Finding, Node, nodes_of
from edgeseal.tflite.graph import Model, Operator

__all__ = ["code_of_version", "find_versions"]

_HIGHER, _LOWER = "ES030", "ES031"


def find_versions(model: Model) -> list[Finding]:
    """Look for operators whose version is higher or lower than what they need."""
    nodes = nodes_of(model)
    found = []
    for code in (_HIGHER, _LOWER):
        wrong = tuple(node for node in nodes if code_of_version(node.operator) == code)
        if wrong:
            found.append(Finding(code, wrong, message=_message(wrong)))
    return found


def code_of_version(operator: Operator) -> str:
    """Return the code of the finding that an operator's version is; empty where it is right."""
    needed = operator.needed_version
    if needed is None or needed == operator.version:
        return ""
    return _HIGHER if operator.version > needed else _LOWER


def _message(nodes: tuple[Node, ...]) -> str:
    """Say once for each kind what it states and what it needs."""
    told = (
        f"{o.kind} states {o.version}, needs {o.needed_version}"
        for o in (node.operator for node in nodes)
    )
    return "; ".join(dict.fromkeys(told))
