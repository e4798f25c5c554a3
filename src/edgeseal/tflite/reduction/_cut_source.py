"""Cuts candidates out of a model, with the values that reach them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from numpy.typing import NDArray

from edgeseal.tflite.comparison._match import match
from edgeseal.tflite.graph import Operator, Subgraph, Tensor
from edgeseal.tflite.probe import Cutout, Prober, cut, dequantize, is_quantized, quantize
from edgeseal.tflite.reduction._cut_candidate import CutCandidate, Values, Workshop, open_ends
from edgeseal.tflite.workers import Status

__all__ = ["CutSource", "PairSource", "ReductionSource", "ValuesOf", "run_values", "transferred"]

ValuesOf = Callable[[Sequence[Tensor]], Values]
"""Gives the values of tensors, as far as they are known."""


class ReductionSource(Protocol):
    """Makes a candidate of operators of one subgraph."""

    def candidate(self, operators: Sequence[Operator]) -> CutCandidate | None:
        """Return the candidate, or None if these operators make none."""
        ...


class CutSource:
    """Cuts operators out of one model."""

    def __init__(self, workshop: Workshop, values: ValuesOf) -> None:
        """Remember where to write and what reaches the operators.

        Args:
            workshop: where candidates are written.
            values: gives the values of tensors as far as they are known.
        """
        self._workshop = workshop
        self._values = values

    def candidate(self, operators: Sequence[Operator]) -> CutCandidate:
        """Return a model of the operators; what they read from others becomes an input."""
        piece = cut(operators, outputs=open_ends(operators), keep_names=True)
        path = self._workshop.write(piece.model)
        return CutCandidate(path, _named(piece, self._values(piece.inputs)))


class PairSource:
    """Cuts operators out of one model and, from another, what computes the same tensors."""

    def __init__(
        self, workshop: Workshop, ours: Subgraph, theirs: Subgraph, values: ValuesOf
    ) -> None:
        """Match the tensors of both.

        Args:
            workshop: where candidates are written.
            ours: what operators are cut out of.
            theirs: what it is compared with.
            values: gives the values of tensors of ``theirs``, as far as they are known.

        Raises:
            ValueError: the inputs or outputs of both differ in number or shape.
        """
        self._workshop = workshop
        self._operators = theirs.operators
        self._producers = theirs.producers()
        self._values = values
        self._twins = match(theirs, ours).tensors

    def candidate(self, operators: Sequence[Operator]) -> CutCandidate | None:
        """Return both parts; None if their inputs and outputs do not correspond."""
        results = [tensor for tensor in open_ends(operators) if tensor in self._twins]
        piece = cut(operators, outputs=results, keep_names=True)
        if not results or any(tensor not in self._twins for tensor in piece.inputs):
            return None
        twins = [self._twins[tensor] for tensor in piece.inputs]
        others = [self._twins[tensor] for tensor in results]
        operators = self._between(twins, others)
        if not operators:
            return None
        other = cut(operators, outputs=others)
        _name_ends(other, piece, self._twins)
        values = self._values(twins)
        inputs = {
            tensor: transferred(values[twin], twin, tensor)
            for tensor, twin in zip(piece.inputs, twins, strict=True)
            if twin in values
        }
        paths = self._workshop.write(piece.model), self._workshop.write(other.model)
        return CutCandidate(paths[0], _named(piece, inputs), companion=paths[1])

    def _between(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> list[Operator]:
        """Return the other model's operators from inputs to outputs; none if they need more."""
        known, needed = set(inputs), set[Operator]()
        waiting = [tensor for tensor in outputs if tensor not in known]
        while waiting:
            tensor = waiting.pop()
            operator = self._producers.get(tensor)
            if operator is None:
                return []
            if operator not in needed:
                needed.add(operator)
                read = (t for t in operator.inputs if t is not None and t not in known)
                waiting += (t for t in read if not (t.is_constant or t.is_variable))
        return [operator for operator in self._operators if operator in needed]


def run_values(
    subgraph: Subgraph, inputs: Values, prober: Prober, *, with_delegate: bool
) -> ValuesOf:
    """Return a function that gives the values of tensors when a subgraph runs.

    Args:
        subgraph: what is run.
        inputs: values of its inputs.
        prober: where it is run, up to the last operator that is needed.
        with_delegate: let LiteRT use its default accelerated delegate.
    """
    known = dict(inputs)
    positions = {t: i for i, operator in enumerate(subgraph.operators) for t in operator.outputs}

    def values(tensors: Sequence[Tensor]) -> Values:
        wanted = [tensor for tensor in tensors if tensor not in known and tensor in positions]
        if wanted:
            count = 1 + max(positions[tensor] for tensor in wanted)
            piece = cut(subgraph.operators[:count], outputs=wanted)
            given = tuple(inputs[tensor] for tensor in piece.inputs)
            outcome = prober.run(piece.model, given, with_delegate=with_delegate)
            if outcome.status is Status.RAN:
                known.update(zip(wanted, outcome.outputs, strict=True))
        return {tensor: known[tensor] for tensor in tensors if tensor in known}

    return values


def transferred(values: NDArray[Any], source: Tensor, target: Tensor) -> NDArray[Any]:
    """Return the values of one tensor as the other stores them."""
    if source.quantization is not None and is_quantized(source):
        values = dequantize(values, source.quantization)
    return quantize(values, target)


def _named(piece: Cutout, values: Values) -> Mapping[str, NDArray[Any]]:
    pairs = zip(piece.model.main.inputs, piece.inputs, strict=True)
    return {copy.name: values[tensor] for copy, tensor in pairs if tensor in values}


def _name_ends(other: Cutout, piece: Cutout, twins: Mapping[Tensor, Tensor]) -> None:
    """Name the ends of the other model's part as those of the piece."""
    ends = zip(piece.inputs + piece.outputs, _ends(piece), strict=True)
    names = {twins[tensor]: copy.name for tensor, copy in ends}
    for copy, tensor in zip(_ends(other), other.inputs + other.outputs, strict=True):
        copy.name = names[tensor]


def _ends(piece: Cutout) -> list[Tensor]:
    return piece.model.main.inputs + piece.model.main.outputs
