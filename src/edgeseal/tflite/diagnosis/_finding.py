"""Findings: what is wrong, and at which nodes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from edgeseal.tflite.diagnosis._codes import CODES, Code, Level
from edgeseal.tflite.graph import Model, Modules, Operator, Subgraph, Tensor

__all__ = ["Finding", "Node", "find_nodes", "nodes_of", "with_modules"]


@dataclass(frozen=True, slots=True)
class Node:
    """An operator and its place in the file.

    Attributes:
        operator: the operator.
        subgraph: the function that holds it.
        number: its position there, as the runtime's messages count it.
        module: of the source program, such as ``encoder.0.attn``; empty where names do not tell.
    """

    operator: Operator
    subgraph: Subgraph
    number: int
    module: str = ""

    def to_json(self) -> dict[str, object]:
        """Return it for JSON."""
        operator = self.operator
        return {
            "subgraph": self.subgraph.name,
            "number": self.number,
            "kind": operator.kind,
            "module": self.module,
            "inputs": [None if t is None else _tensor_record(t) for t in operator.inputs],
            "outputs": [_tensor_record(tensor) for tensor in operator.outputs],
        }

    def __str__(self) -> str:
        outputs = ", ".join(tensor.name for tensor in self.operator.outputs if tensor.name)
        return f"{self.operator.kind} (node {self.number}{' -> ' * bool(outputs)}{outputs})"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, wherever it occurs.

    Attributes:
        code: such as ``ES010``; :data:`CODES` explains it.
        nodes: the operators concerned; empty where it is about the file or about tensors alone.
        tensors: the tensors concerned, where they say more than the operators.
        message: the kernel's or the runtime's own words, or what was counted.
    """

    code: str
    nodes: tuple[Node, ...] = ()
    tensors: tuple[Tensor, ...] = ()
    message: str = ""

    @property
    def kind(self) -> Code:
        """What the code means."""
        return CODES[self.code]

    @property
    def level(self) -> Level:
        """How bad it is."""
        return self.kind.level

    @property
    def place(self) -> str:
        """Where it is, as a count."""
        count = len(self.nodes) or len(self.tensors)
        what = "node" if self.nodes else "tensor"
        return f"{count} {what}{'s' * (count != 1)}" if count else "file"

    def to_json(self) -> dict[str, object]:
        """Return it for JSON."""
        kind = self.kind
        return {
            "code": self.code,
            "level": self.level.value,
            "title": kind.title,
            "cause": kind.cause,
            "remedy": kind.remedy,
            "mendable": kind.is_mendable,
            "message": self.message,
            "nodes": [node.to_json() for node in self.nodes],
            "tensors": [_tensor_record(tensor) for tensor in self.tensors],
        }

    def __str__(self) -> str:
        return f"{self.code} {self.level.value}, {self.place}: {self.kind.title}"


def nodes_of(model: Model) -> list[Node]:
    """Return every operator of a model with its place."""
    return [
        Node(operator, subgraph, number)
        for subgraph in model.subgraphs
        for number, operator in enumerate(subgraph.operators)
    ]


def with_modules(findings: Iterable[Finding], modules: Modules) -> list[Finding]:
    """Return findings whose nodes say which module of the source program they come from."""
    return [
        replace(
            finding,
            nodes=tuple(
                replace(node, module=modules.display_name(node.operator)) for node in finding.nodes
            ),
        )
        for finding in findings
    ]


def find_nodes(
    code: str, nodes: Sequence[Node], is_wrong: Callable[[Operator], bool]
) -> list[Finding]:
    """Return a finding with the nodes that are wrong, or none."""
    wrong = tuple(node for node in nodes if is_wrong(node.operator))
    return [Finding(code, wrong)] if wrong else []


def _tensor_record(tensor: Tensor) -> dict[str, object]:
    return {
        "name": tensor.name,
        "type": tensor.dtype,
        "shape": list(tensor.shape),
        "constant": tensor.is_constant,
    }
