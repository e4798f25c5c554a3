"""Which finding to reduce, and where to start cutting."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from edgeseal.errors import NothingToReduceError, UsageError
from edgeseal.tflite.diagnosis import CheckReport, Finding, Level, Node
from edgeseal.tflite.graph import Model, Operator, Subgraph

__all__ = ["NodePlace", "choose", "starts"]

_NOT_CUT = ("ES026", "ES027", "ES028")
"""About what is left over; what is cut out has nothing left over."""


@dataclass(frozen=True, slots=True)
class NodePlace:
    """A node by its place in the file.

    Attributes:
        subgraph: place of the function; 0 for the main one.
        number: of the operator in it.
    """

    subgraph: int
    number: int

    @classmethod
    def parse(cls, text: str) -> NodePlace:
        """Read ``12``, or ``1:12`` for a node of the second subgraph.

        Raises:
            UsageError: it is neither.
        """
        numbers = text.split(":")
        if not 1 <= len(numbers) <= 2 or not all(n.isascii() and n.isdigit() for n in numbers):
            raise UsageError(f"{text}: no node; give its number, or SUBGRAPH:NUMBER, such as 1:12")
        return cls(int(numbers[0]) if len(numbers) == 2 else 0, int(numbers[-1]))

    def operator(self, model: Model) -> Operator:
        """Return the operator there.

        Raises:
            UsageError: there is none.
        """
        if self.subgraph >= len(model.subgraphs):
            raise UsageError(f"node {self}: the file has {len(model.subgraphs)} subgraphs")
        operators = model.subgraphs[self.subgraph].operators
        if self.number >= len(operators):
            raise UsageError(f"node {self}: the subgraph has {len(operators)} operators")
        return operators[self.number]

    def __str__(self) -> str:
        return f"{self.subgraph}:{self.number}" if self.subgraph else str(self.number)


def choose(
    report: CheckReport, model: Model, code: str | None, place: NodePlace | None
) -> tuple[Finding, Node | None]:
    """Return the worst finding that fits, and its first node that does.

    Args:
        report: of the model.
        model: the findings' operators are its own.
        code: of the finding; None for any, of level error unless a place is given.
        place: of one of its nodes; None for any.

    Raises:
        UsageError: there is no such place.
        NothingToReduceError: there is no such finding, or nothing can be cut out for it.
    """
    operator = None if place is None else place.operator(model)
    for finding in report.findings:
        fits = code == finding.code if code else place is not None or finding.level is Level.ERROR
        nodes = [node for node in finding.nodes if operator in (None, node.operator)]
        if fits and (nodes or place is None):
            if finding.code in _NOT_CUT:
                raise NothingToReduceError(
                    f"{report.path}: {finding.code} is about what no operator needs, so nothing "
                    "can be cut out for it; `edgeseal repair` removes it"
                )
            return finding, nodes[0] if nodes else None
    raise NothingToReduceError(_nothing(report, code, place))


def _nothing(report: CheckReport, code: str | None, place: NodePlace | None) -> str:
    wanted = f"finding {code}" if code else "finding" if place else "finding of level error"
    where = "" if place is None else f" at node {place}"
    codes = ", ".join(dict.fromkeys(finding.code for finding in report.findings))
    others = f"; it has {codes}, which --finding chooses" if codes else " and no other"
    return f"{report.path}: no {wanted}{where}{others}"


def starts(model: Model, node: Node | None) -> Iterator[list[Operator]]:
    """Yield operators to cut out, ever more of them: around the node, then around its callers.

    Without a node, all operators of each entry point.
    """
    if node is None:
        entries = [model.main, *(signature.subgraph for signature in model.signatures)]
        yield from (function.operators for function in dict.fromkeys(entries))
        return
    seen: set[Subgraph] = set()
    place: tuple[Subgraph, int] | None = (node.subgraph, node.number)
    while place is not None and place[0] not in seen:
        seen.add(place[0])
        yield from _windows(place[0].operators, place[1])
        place = _caller(model, place[0])


def _windows(operators: list[Operator], number: int) -> Iterator[list[Operator]]:
    radius = 0
    window: list[Operator] = []
    while len(window) < len(operators):
        window = operators[max(0, number - radius) : number + radius + 1]
        yield window
        radius = max(1, 2 * radius)


def _caller(model: Model, function: Subgraph) -> tuple[Subgraph, int] | None:
    for subgraph in model.subgraphs:
        for number, operator in enumerate(subgraph.operators):
            if function in operator.subgraphs:
                return subgraph, number
    return None
