"""A ``.tflite`` model as objects that refer to each other.

Indices exist only in the file: they are resolved while reading and handed out while writing. A
pass therefore adds, removes and rewires objects without any renumbering.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseal.tflite.graph._tensor import Buffer, ExternalBuffer, Tensor
from edgeseal.tflite.graph._versions import lowest_version

__all__ = [
    "Appended",
    "Model",
    "Operator",
    "OperatorCode",
    "Signature",
    "StatedVersion",
    "Subgraph",
]


@dataclass(frozen=True, slots=True)
class OperatorCode:
    """What a runtime must know to run an operator.

    Attributes:
        kind: the schema's operator name, or the custom code.
        version: version of the operator's contract.
        is_custom: whether ``kind`` is a custom code.
    """

    kind: str
    version: int = 1
    is_custom: bool = False


@dataclass(frozen=True, slots=True)
class StatedVersion:
    """The version that a file states for an operator.

    Attributes:
        version: of the operator's contract.
        needed: what the operator needed when that was read; None where that is not known.
    """

    version: int
    needed: int | None


@dataclass(eq=False, slots=True)
class Operator:
    """One node.

    Nobody sets its version: it is the lowest that operands, results and options need. What a file
    states counts as long as the operator needs what it needed there.

    Attributes:
        kind: the schema's operator name, such as ``FULLY_CONNECTED``, or the custom code.
        inputs: operands; None where an optional one is absent.
        outputs: results.
        stated: the version that the file states; None for operators that were made here.
        is_custom: whether ``kind`` is a custom code.
        options: the schema's option table of this operator, as the generated object class; its
            attributes have the schema's names. None where the operator has no options. Indices
            of subgraphs in it do not count: ``subgraphs`` has them.
        intermediates: values inside the operator that carry quantization, as LSTM has.
        raw: the file's own record of everything else; written back as it is.
        subgraphs: functions that it calls, in the order of the schema's fields: IF then, else;
            WHILE condition, body; CALL_ONCE what it initializes with; STABLEHLO_COMPOSITE what
            it is composed of.
        custom_options: uint8 [size_bytes], which only the custom operator understands; None
            where there are none.
    """

    kind: str
    inputs: list[Tensor | None]
    outputs: list[Tensor]
    stated: StatedVersion | None = None
    is_custom: bool = False
    options: Any = None
    intermediates: list[Tensor] = field(default_factory=list)
    raw: Any = None
    subgraphs: list[Subgraph] = field(default_factory=list)
    custom_options: NDArray[np.uint8] | None = None

    @property
    def needed_version(self) -> int | None:
        """The lowest version that has what it needs; None where that is not known."""
        if self.is_custom:
            return None
        return lowest_version(self.kind, self.inputs, self.outputs, self.options)

    @property
    def version(self) -> int:
        """Version of its contract."""
        needed, stated = self.needed_version, self.stated
        if stated is not None and needed in (None, stated.needed):
            return stated.version
        return 1 if needed is None else needed

    def state_version(self, version: int) -> None:
        """Let it have the version that a file states, whatever it needs."""
        self.stated = StatedVersion(version, self.needed_version)

    @property
    def code(self) -> OperatorCode:
        """What a runtime must know to run it."""
        return OperatorCode(self.kind, self.version, self.is_custom)

    def __repr__(self) -> str:
        return f"Operator({self.kind} -> {', '.join(t.name for t in self.outputs)})"


@dataclass(eq=False, slots=True)
class Subgraph:
    """A function.

    Attributes:
        name: may be empty.
        inputs: what it takes.
        outputs: what it returns.
        operators: in execution order.
        raw: the file's own record of everything else; written back as it is.
        extra_tensors: those that nothing above mentions.
        tensor_order: the file's order, which :meth:`tensors` keeps; what it lacks comes after
            it, and what is no longer mentioned does not count.
        control_edges: operators of which the first must run before the second, though no tensor
            says so; None where the runtime is to see that itself.
    """

    name: str
    inputs: list[Tensor]
    outputs: list[Tensor]
    operators: list[Operator]
    raw: Any = None
    extra_tensors: list[Tensor] = field(default_factory=list)
    tensor_order: list[Tensor] = field(default_factory=list)
    control_edges: list[tuple[Operator, Operator]] | None = None

    def tensors(self) -> list[Tensor]:
        """Return every tensor once: in the file's order, then new ones as they are mentioned."""
        found = dict.fromkeys(self._mentions())
        for tensor in list(found):
            found.update(dict.fromkeys(_parameters(tensor)))
        ordered = {tensor: None for tensor in self.tensor_order if tensor in found}
        return list(ordered | found)

    def producers(self) -> dict[Tensor, Operator]:
        """Return the operator that writes each tensor that one writes."""
        return {tensor: operator for operator in self.operators for tensor in operator.outputs}

    def consumers(self) -> dict[Tensor, list[Operator]]:
        """Return the operators that read each tensor, in execution order; none for some."""
        found: dict[Tensor, list[Operator]] = {tensor: [] for tensor in self.tensors()}
        for operator in self.operators:
            for tensor in dict.fromkeys(operator.inputs):
                if tensor is not None:
                    found[tensor].append(operator)
        return found

    def insert_before(self, anchor: Operator, *operators: Operator) -> None:
        """Insert operators, in their order, right before ``anchor``."""
        self._insert(self._position(anchor), operators)

    def insert_after(self, anchor: Operator, *operators: Operator) -> None:
        """Insert operators, in their order, right after ``anchor``."""
        self._insert(self._position(anchor) + 1, operators)

    def remove(self, operators: Iterable[Operator]) -> None:
        """Remove operators whose results nothing needs any more.

        Raises:
            ValueError: an operator is not in the subgraph, or a result of it is an output or
                read by an operator that stays; nothing was removed.
        """
        doomed = dict.fromkeys(operators)
        for operator in doomed:
            self._position(operator)
        kept = [operator for operator in self.operators if operator not in doomed]
        needed = {tensor for operator in kept for tensor in operator.inputs} | {*self.outputs}
        for operator in doomed:
            for tensor in operator.outputs:
                if tensor in needed:
                    raise ValueError(f"{operator!r} cannot be removed: {tensor!r} is needed")
        self.operators[:] = kept

    def remove_unread(self) -> None:
        """Remove operators whose results neither an output nor an operator that stays needs.

        Those without results stay: whatever they do, they do beside.
        """
        needed = set(self.outputs)
        kept: list[Operator] = []
        for operator in reversed(self.operators):
            if not operator.outputs or not needed.isdisjoint(operator.outputs):
                needed.update(tensor for tensor in operator.inputs if tensor is not None)
                kept.append(operator)
        self.operators[:] = reversed(kept)

    def replace_uses(
        self, old: Tensor, new: Tensor, *, by: Collection[Operator] | None = None
    ) -> None:
        """Let operators read ``new`` where they read ``old``.

        Outputs stay as they are: signatures and callers know them by name.

        Args:
            old: tensor that is read now.
            new: tensor to read from now on.
            by: the operators to rewire; default: all that read ``old``.

        Raises:
            ValueError: an operator of ``by`` does not read ``old``, or one would run before
                ``new`` is written; nothing was changed.
        """
        readers = [operator for operator in self.operators if old in operator.inputs]
        chosen = readers if by is None else list(by)
        producer = self.producers().get(new)
        ready = -1 if producer is None else self._position(producer)
        for operator in chosen:
            if operator not in readers:
                raise ValueError(f"{operator!r} does not read {old!r}")
            if self._position(operator) <= ready:
                raise ValueError(f"{operator!r} runs before {new!r} is written")
        for operator in chosen:
            operator.inputs[:] = [new if tensor is old else tensor for tensor in operator.inputs]

    def _position(self, operator: Operator) -> int:
        for position, candidate in enumerate(self.operators):
            if candidate is operator:
                return position
        raise ValueError(f"{operator!r} is not in the subgraph {self.name!r}")

    def _insert(self, position: int, operators: tuple[Operator, ...]) -> None:
        self.operators[position:position] = operators

    def _mentions(self) -> Iterator[Tensor]:
        yield from self.inputs
        for operator in self.operators:
            yield from (tensor for tensor in operator.inputs if tensor is not None)
            yield from operator.outputs
            yield from operator.intermediates
        yield from self.outputs
        yield from self.extra_tensors


def _parameters(tensor: Tensor) -> Iterator[Tensor]:
    """Yield the tensors that hold a tensor's blockwise parameters, and theirs in turn."""
    seen = {tensor}
    waiting = [tensor]
    while waiting:
        blockwise = waiting.pop().blockwise
        for found in () if blockwise is None else (blockwise.scales, blockwise.zero_points):
            if found is not None and found not in seen:
                seen.add(found)
                waiting.append(found)
                yield found


@dataclass(eq=False, slots=True)
class Signature:
    """A named entry point: names of the inputs and outputs of a subgraph."""

    key: str
    subgraph: Subgraph
    inputs: dict[str, Tensor]
    outputs: dict[str, Tensor]


@dataclass(frozen=True, eq=False, slots=True)
class Appended:
    """What tools put behind a model: an archive of labels, code for an accelerator.

    Attributes:
        data: uint8 [size_bytes].
        offset: of the data in the file that was read. It is kept as far as possible, since a
            custom operator may find its data by it.
    """

    data: NDArray[np.uint8]
    offset: int


@dataclass(eq=False, slots=True)
class Model:
    """A whole ``.tflite`` file.

    Attributes:
        subgraphs: the first is the main one.
        signatures: named entry points.
        metadata: named blobs, such as the runtime version a converter notes.
        description: free text.
        version: schema version, 3 for every file of this format.
        extra_metadata: names and blobs whose name ``metadata`` has already.
        nameless_metadata: blobs of the field that came before ``metadata``.
        extra_buffers: constant data that nothing refers to.
        extra_codes: operators that the file declares, but does not have. A runtime that lacks
            one refuses the file.
        code_order: the file's order of operator codes, for those that are still in use.
        external_buffers: constant data in other files.
        appended: what follows the model in the file.
        raw: the file's own record of everything else; written back as it is.
    """

    subgraphs: list[Subgraph]
    signatures: list[Signature] = field(default_factory=list)
    metadata: dict[str, bytes] = field(default_factory=dict)
    description: str = ""
    version: int = 3
    extra_metadata: list[tuple[str, bytes]] = field(default_factory=list)
    nameless_metadata: list[bytes] = field(default_factory=list)
    extra_buffers: list[Buffer] = field(default_factory=list)
    extra_codes: list[OperatorCode] = field(default_factory=list)
    code_order: list[OperatorCode] = field(default_factory=list)
    external_buffers: list[ExternalBuffer] = field(default_factory=list)
    appended: Appended | None = None
    raw: Any = None

    @property
    def main(self) -> Subgraph:
        """The first subgraph."""
        return self.subgraphs[0]

    def operators(self) -> Iterator[Operator]:
        """Iterate over the operators of every subgraph."""
        for subgraph in self.subgraphs:
            yield from subgraph.operators
