"""Finds the operators of one file in another file of the same graph.

Quantizers keep the names of results and insert QUANTIZE and DEQUANTIZE; repairs also replace
operators. So tensors are matched, through inserted conversions, and operators by what they write.
"""

from __future__ import annotations

import enum
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from edgeseal.tflite.graph import Operator, Subgraph, Tensor, paired_ends

__all__ = ["Match", "Matching", "Means", "is_conversion", "match"]

_CONVERSIONS = ("QUANTIZE", "DEQUANTIZE")


class Means(enum.Enum):
    """What a match rests on."""

    NAME = "name"  # of the result
    STRUCTURE = "structure"  # the same kind of operator on the same inputs
    POSITION = "position"  # the same place among operators of the same kind and shapes


@dataclass(frozen=True, slots=True)
class Match:
    """The operator of the reference that an operator stands for."""

    operator: Operator
    means: Means


@dataclass(frozen=True, slots=True)
class Matching:
    """What belongs together; keys are of the candidate, values of the reference.

    Attributes:
        tensors: what operators write and the inputs, where they stand for the same values.
        operators: operators of the same kind.
        missing: operators of the reference, other than QUANTIZE and DEQUANTIZE, whose results are
            not found in the candidate.
    """

    tensors: Mapping[Tensor, Tensor]
    operators: Mapping[Operator, Match]
    missing: tuple[Operator, ...]


def match(reference: Subgraph, candidate: Subgraph) -> Matching:
    """Match two functions of the same graph, with as many inputs and outputs of the same shapes."""
    return _Matcher(reference, candidate).matching()


def is_conversion(operator: Operator) -> bool:
    """Whether it gives the same values in another type."""
    return operator.kind in _CONVERSIONS


class _Side:
    """One of the two functions."""

    def __init__(self, subgraph: Subgraph) -> None:
        self.operators = subgraph.operators
        self.producers = subgraph.producers()
        self._consumers = subgraph.consumers()
        self._outputs = subgraph.outputs
        self._chains: dict[Tensor, tuple[Tensor, ...]] = {}
        for operator in subgraph.operators:  # in order, so that no damaged file leads in circles
            source = operator.inputs[0] if operator.inputs else None
            if is_conversion(operator) and source is not None:
                self._chains |= dict.fromkeys(operator.outputs, self.sources(source))

    def sources(self, tensor: Tensor) -> tuple[Tensor, ...]:
        """Return a tensor and what it was converted from, the nearest first."""
        return tensor, *self._chains.get(tensor, ())

    def source(self, tensor: Tensor) -> Tensor:
        """Return the tensor that is behind conversions."""
        return self.sources(tensor)[-1]

    def kind(self, tensor: Tensor) -> str:
        """Return the kind of operator that computes a tensor's values; empty for an end."""
        producer = self.producers.get(self.source(tensor))
        return "" if producer is None else producer.kind

    def uses(self, tensor: Tensor) -> Counter[tuple[str, int]]:
        """Return for what a tensor's values are used: kinds of operators and operand positions."""
        found: Counter[tuple[str, int]] = Counter()
        waiting, seen = [tensor], {tensor}
        while waiting:
            used = waiting.pop()
            found.update(("output", place) for place, t in enumerate(self._outputs) if t is used)
            for user in dict.fromkeys(self._consumers.get(used, ())):
                if is_conversion(user):
                    waiting += [t for t in user.outputs if t not in seen]
                    seen.update(user.outputs)
                else:
                    found.update((user.kind, p) for p, t in enumerate(user.inputs) if t is used)
        return found

    def by_name(self) -> dict[str, Tensor]:
        """Return the computed tensors whose names nothing else has."""
        names = Counter(tensor.name for tensor in self.producers)
        return {tensor.name: tensor for tensor in self.producers if names[tensor.name] == 1}


class _Matcher:
    def __init__(self, reference: Subgraph, candidate: Subgraph) -> None:
        self._reference = _Side(reference)
        self._candidate = _Side(candidate)
        self._tensors = dict(paired_ends(reference.inputs, candidate.inputs))
        self._outputs = paired_ends(reference.outputs, candidate.outputs)
        self._operators: dict[Operator, Match] = {}

    def matching(self) -> Matching:
        self._match_names()
        self._match_structure()
        self._match_positions()
        self._match_structure()
        tensors = {t: self._counterpart(t) for t in [*self._tensors, *self._candidate.producers]}
        found = {tensor: other for tensor, other in tensors.items() if other is not None}
        known = {self._reference.source(other) for other in found.values()} | {*found.values()}
        missing = [
            operator
            for operator in self._reference.operators
            if operator.outputs
            and not is_conversion(operator)
            and not any(t in known for t in operator.outputs)
        ]
        return Matching(found, self._operators, tuple(missing))

    def _match_names(self) -> None:
        reference, candidate = self._reference, self._candidate
        known = reference.by_name()
        named = ((t, known[name]) for name, t in candidate.by_name().items() if name in known)
        ends = [(t, other) for t, other in self._outputs if t in candidate.producers]
        pairs = [(t, other) for t, other in [*named, *ends] if self._agree(t, other)]
        for tensor, other in pairs:
            self._tensors.setdefault(tensor, other)
        for tensor, other in pairs:  # a result may have a new name before it is converted
            source = candidate.source(tensor)
            if source in candidate.producers:
                self._tensors.setdefault(source, reference.source(other))
        for operator in candidate.operators:
            self._match_writer(operator)

    def _agree(self, tensor: Tensor, other: Tensor) -> bool:
        """Whether tensors of one name also come from or go to the same kinds of operators."""
        if not tensor.fits(other):
            return False
        if self._candidate.kind(tensor) == self._reference.kind(other):
            return True
        uses = self._candidate.uses(tensor)
        return bool(uses) and uses == self._reference.uses(other)

    def _match_writer(self, operator: Operator) -> None:
        """Match an operator whose results are known, if the same kind wrote them there."""
        others = [self._tensors.get(tensor) for tensor in operator.outputs]
        if not others or others[0] is None:
            return
        writer = self._reference.producers.get(others[0])
        if writer is not None and writer.kind == operator.kind:
            self._match(operator, writer, Means.NAME)

    def _match(self, operator: Operator, other: Operator, means: Means) -> None:
        self._operators[operator] = Match(other, means)
        for tensor, result in zip(operator.outputs, other.outputs, strict=False):
            self._tensors.setdefault(tensor, result)

    def _counterpart(self, tensor: Tensor) -> Tensor | None:
        """Return what a tensor stands for, also where it was only converted."""
        known = (t for t in self._candidate.sources(tensor) if t in self._tensors)
        nearest = next(known, None)
        return None if nearest is None else self._tensors[nearest]

    def _match_structure(self) -> None:
        """Match operators of one kind on the same inputs, until no more are found."""
        while True:
            reference = _grouped(self._open_reference(), self._reference_signature)
            candidate = _grouped(self._open_candidate(), self._candidate_signature)
            if not self._match_groups(reference, candidate, Means.STRUCTURE):
                return

    def _match_positions(self) -> None:
        reference = _grouped(self._open_reference(), _shapes)
        candidate = _grouped(self._open_candidate(), _shapes)
        self._match_groups(reference, candidate, Means.POSITION)

    def _match_groups(
        self,
        reference: dict[Hashable, list[Operator]],
        candidate: dict[Hashable, list[Operator]],
        means: Means,
    ) -> bool:
        """Match groups of one size, in order; another number would leave a choice."""
        shared = [key for key in candidate if len(reference.get(key, ())) == len(candidate[key])]
        for key in shared:
            for operator, other in zip(candidate[key], reference[key], strict=True):
                self._match(operator, other, means)
        return bool(shared)

    def _open_candidate(self) -> Iterator[Operator]:
        """Yield the operators whose results are not known."""
        for operator in self._candidate.operators:
            if operator.outputs and not any(t in self._tensors for t in operator.outputs):
                yield operator

    def _open_reference(self) -> Iterator[Operator]:
        known = {self._reference.source(tensor) for tensor in self._tensors.values()}
        known |= set(self._tensors.values())
        for operator in self._reference.operators:
            if operator.outputs and not any(t in known for t in operator.outputs):
                yield operator

    def _reference_signature(self, operator: Operator) -> Hashable:
        sources = [None if t is None else self._reference.source(t) for t in operator.inputs]
        operands = tuple(t.shape if t is not None and _is_given(t) else t for t in sources)
        return operator.kind, operands, _sizes(operator.outputs)

    def _candidate_signature(self, operator: Operator) -> Hashable:
        """Return the signature that the operator would have in the reference, if that is known."""
        operands: list[Hashable] = []
        for tensor in operator.inputs:
            source = None if tensor is None else self._candidate.source(tensor)
            other = None if tensor is None else self._counterpart(tensor)
            if source is None:
                operands.append(None)
            elif _is_given(source):
                operands.append(source.shape)
            elif other is None:
                return None
            else:
                operands.append(self._reference.source(other))
        return operator.kind, tuple(operands), _sizes(operator.outputs)


def _grouped(
    operators: Iterable[Operator], key_of: Callable[[Operator], Hashable]
) -> dict[Hashable, list[Operator]]:
    """Group operators by a key, in their order, leaving out those whose key is None."""
    groups: defaultdict[Hashable, list[Operator]] = defaultdict(list)
    for operator in operators:
        key = key_of(operator)
        if key is not None:
            groups[key].append(operator)
    return groups


def _shapes(operator: Operator) -> Hashable:
    """Return the kind of an operator and the shapes of its operands and results."""
    if is_conversion(operator):
        return None
    operands = tuple(None if tensor is None else tensor.shape for tensor in operator.inputs)
    return operator.kind, operands, _sizes(operator.outputs)


def _sizes(tensors: Iterable[Tensor]) -> tuple[tuple[int, ...], ...]:
    return tuple(tensor.shape for tensor in tensors)


def _is_given(tensor: Tensor) -> bool:
    """Whether a tensor belongs to its operator: a weight, or state."""
    return tensor.is_constant or tensor.is_variable
