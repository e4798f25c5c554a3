"""Pieces of two files that compute the same results from the same tensors."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from edgeseal.tflite.comparison._match import Matching
from edgeseal.tflite.graph import Operator, Subgraph, Tensor
from edgeseal.tflite.probe import Cutout, Unpacking, cut

__all__ = ["PieceCutter", "Pieces"]

_LARGEST = 64  # operators; beyond that, an error says little about the last of them


@dataclass(frozen=True, slots=True)
class Pieces:
    """An operator of the candidate with what computes the same in the reference.

    Attributes:
        operator: of the candidate.
        before: operators before it that unpack its weights, or stand for nothing in the
            reference, in order.
        is_alone: whether they do no more than unpack weights.
        results: the operator's results.
        expected: the tensor of the reference that each result stands for.
        candidate: ``before`` and the operator.
        sources: the tensor of the reference that each input of ``candidate`` stands for.
        reference: what computes ``expected`` from ``sources``, as far as they are not the same;
            None where it needs other tensors.
    """

    operator: Operator
    before: tuple[Operator, ...]
    is_alone: bool
    results: tuple[Tensor, ...]
    expected: tuple[Tensor, ...]
    candidate: Cutout
    sources: tuple[Tensor, ...]
    reference: Cutout | None


class PieceCutter:
    """Cuts pieces out of two functions that were matched."""

    def __init__(self, reference: Subgraph, candidate: Subgraph, matching: Matching) -> None:
        self._tensors = matching.tensors
        self._reference = _Trace(reference)
        self._candidate = _Trace(candidate)
        self._unpacking = Unpacking(candidate)
        self._known = {t for t in matching.tensors if not self._unpacking.is_result(t)}

    def pieces(self, operator: Operator) -> Pieces | None:
        """Return the pieces for an operator; None where there is nothing to compare it with."""
        results = tuple(dict.fromkeys(operator.outputs))
        if not results or not all(tensor in self._known for tensor in results):
            return None
        expected = tuple(self._tensors[tensor] for tensor in results)
        operands = [tensor for tensor in operator.inputs if tensor is not None]
        before = self._candidate.back(operands, self._known)
        if before is None:
            return None
        is_alone = set(before) <= set(self._unpacking.before(operator))
        candidate = cut([*before, operator], outputs=results)
        sources = tuple(self._tensors[tensor] for tensor in candidate.inputs)
        reference = self._reference_piece(expected, sources)
        return Pieces(
            operator, tuple(before), is_alone, results, expected, candidate, sources, reference
        )

    def _reference_piece(
        self, expected: tuple[Tensor, ...], sources: tuple[Tensor, ...]
    ) -> Cutout | None:
        wanted = [tensor for tensor in expected if tensor not in sources]
        operators = self._reference.back(wanted, sources)
        if operators is None:
            return None
        return cut(operators, outputs=wanted)


class _Trace:
    """Follows a function's tensors back to those that are known."""

    def __init__(self, subgraph: Subgraph) -> None:
        self._producers = subgraph.producers()
        self._places = {operator: place for place, operator in enumerate(subgraph.operators)}

    def back(self, wanted: Iterable[Tensor], known: Collection[Tensor]) -> list[Operator] | None:
        """Return the operators that compute tensors from known ones and constants, in order.

        None where that needs more, or very many operators.
        """
        found: dict[Operator, None] = {}
        waiting = [tensor for tensor in wanted if tensor not in known]
        while waiting:
            tensor = waiting.pop()
            producer = self._producers.get(tensor)
            if producer is None and not (tensor.is_constant or tensor.is_variable):
                return None
            if producer is None or producer in found:
                continue
            found[producer] = None
            if len(found) > _LARGEST:
                return None
            waiting += [t for t in producer.inputs if t is not None and t not in known]
        return sorted(found, key=self._places.__getitem__)
