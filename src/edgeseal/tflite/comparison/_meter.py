"""Measures the error of every operator of a file against another file, sample by sample."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseal.tflite.comparison._match import Matching
from edgeseal.tflite.comparison._pieces import PieceCutter, Pieces
from edgeseal.tflite.graph import Model, Operator, Tensor
from edgeseal.tflite.inputs._paired_samples import Sample, converted
from edgeseal.tflite.metrics._error_sums import ErrorSum, TensorError, real_values, worst
from edgeseal.tflite.probe import ExecutedStep, Prober, ValueOrigin, cut, execute, run_alone
from edgeseal.tflite.workers import Status

__all__ = ["Meter", "SampleReading"]

Array = NDArray[Any]
_KNOWN = (ValueOrigin.COMPUTED, ValueOrigin.STAND_IN)  # else values were drawn, or there are none


@dataclass(frozen=True, slots=True)
class SampleReading:
    """The errors of an operator; None where it was not measured.

    Attributes:
        own: of its results when its inputs are exact.
        arriving: of its inputs, the worst of them.
        leaving: of its results, the worst of them.
        message: why it did not run, in the kernel's own words; empty where it did.
    """

    own: TensorError | None
    arriving: TensorError | None
    leaving: TensorError | None
    message: str


@dataclass(slots=True)
class _Row:
    """An operator that can be measured."""

    pieces: Pieces
    own: defaultdict[Tensor, ErrorSum] = field(default_factory=lambda: defaultdict(ErrorSum))


class Meter:
    """Adds up errors over samples; holds only the values that are still needed."""

    def __init__(
        self, reference: Model, candidate: Model, matching: Matching, prober: Prober
    ) -> None:
        self._reference = reference.main
        self._candidate = candidate.main
        self._tensors = matching.tensors
        self._prober = prober
        cutter = PieceCutter(reference.main, candidate.main, matching)
        pieces = ((operator, cutter.pieces(operator)) for operator in candidate.main.operators)
        self._rows = {operator: _Row(found) for operator, found in pieces if found is not None}
        self._parts = {part for row in self._rows.values() for part in row.pieces.before}
        self._errors: defaultdict[Tensor, ErrorSum] = defaultdict(ErrorSum)
        self._messages: dict[Operator, str] = {}
        self._uses = Counter(reference.main.outputs)
        for row in self._rows.values():
            self._uses.update([*row.pieces.sources, *row.pieces.expected])

    def add(
        self, sample: Sample, advance: Callable[[], None]
    ) -> tuple[list[Array | None], list[Array | None]]:
        """Run both files operator by operator.

        Args:
            sample: inputs.
            advance: called after each operator of the candidate.

        Returns:
            The outputs of the reference and of the candidate; None where they are not known.
        """
        steps = execute(self._reference, sample.reference, self._prober)
        values = _Values(steps, sample.reference, self._uses)
        for tensor, array in sample.candidate.items():
            self._compare(tensor, array, values)
        ends: dict[Tensor, Array] = dict(sample.candidate)
        for step in execute(self._candidate, sample.candidate, self._prober):
            self._observe(step, values)
            ends |= {t: array for t, array in _results(step) if t in self._candidate.outputs}
            advance()
        outputs = [values.get(tensor) for tensor in self._reference.outputs]
        return outputs, [ends.get(tensor) for tensor in self._candidate.outputs]

    def is_matched(self, operator: Operator) -> bool:
        """Whether an operator of the candidate is measured, by itself or as part of another.

        Operators without results (state, initialization) have nothing to match.
        """
        return operator in self._rows or operator in self._parts or not operator.outputs

    def reading(self, operator: Operator) -> SampleReading:
        """Return what was measured of an operator of the candidate."""
        message = self._messages.get(operator, "")
        row = self._rows.get(operator)
        if row is None:
            return SampleReading(None, None, None, message)
        return SampleReading(
            own=worst(total.error() for total in row.own.values()),
            arriving=self._error(row.pieces.candidate.inputs),
            leaving=self._error(row.pieces.results),
            message=message,
        )

    def _error(self, tensors: Iterable[Tensor]) -> TensorError | None:
        return worst(self._errors[t].error() for t in tensors if t in self._errors)

    def _observe(self, step: ExecutedStep, values: _Values) -> None:
        if step.outcome.is_broken:
            self._messages.setdefault(step.operator, step.outcome.message)
        row = self._rows.get(step.operator)
        if row is None:
            return
        for tensor, array in _results(step):
            self._compare(tensor, array, values)
        if step.outcome.status is not Status.REFUSED:  # it would be refused again
            self._measure_own(row, step, values)
        values.release([*row.pieces.sources, *row.pieces.expected])

    def _compare(self, tensor: Tensor, array: Array, values: _Values) -> None:
        """Add the error of a tensor of the candidate."""
        other = self._tensors.get(tensor)
        expected = None if other is None else values.get(other)
        if other is not None and expected is not None:
            _add(self._errors, tensor, array, real_values(expected, other))

    def _measure_own(self, row: _Row, step: ExecutedStep, values: _Values) -> None:
        pieces = row.pieces
        exact = _known(values.get(tensor) for tensor in pieces.sources)
        expected = _known(values.get(tensor) for tensor in pieces.expected)
        if exact is None or expected is None:
            return
        pairs = list(zip(exact, pieces.sources, pieces.candidate.inputs, strict=True))
        inputs = tuple(converted(*pair) for pair in pairs)
        results = self._results_on(pieces, inputs, step)
        if results is None:
            return
        wanted = self._expected_on(pieces, inputs, exact, expected)
        for tensor, array, real in zip(pieces.results, results, wanted, strict=True):
            _add(row.own, tensor, array, real)

    def _results_on(
        self, pieces: Pieces, inputs: tuple[Array, ...], step: ExecutedStep
    ) -> tuple[Array, ...] | None:
        """Return what the operator gives; known already if it has just seen the same inputs."""
        if pieces.is_alone and step.outcome.status is Status.RAN:
            seen = dict(zip(cut([step.operator]).inputs, step.inputs, strict=True))
            if _all_equal(inputs, [seen[tensor] for tensor in pieces.candidate.inputs]):
                return step.outcome.outputs
        outcome = run_alone(pieces.candidate, inputs, self._prober)
        return outcome.outputs if outcome.status is Status.RAN else None

    def _expected_on(
        self,
        pieces: Pieces,
        inputs: tuple[Array, ...],
        exact: Sequence[Array],
        expected: Sequence[Array],
    ) -> list[NDArray[np.float64] | None]:
        """Return what the reference gives on the inputs that the candidate's types could hold.

        Their rounding was not this operator's doing.
        """
        given = zip(inputs, pieces.candidate.inputs, pieces.sources, strict=True)
        rounded = {other: converted(array, tensor, other) for array, tensor, other in given}
        results = dict(zip(pieces.expected, expected, strict=True))
        is_one_to_one = len(rounded) == len(inputs)
        if is_one_to_one and not _all_equal(tuple(rounded.values()), exact):
            results |= self._reference_on(pieces, rounded)
        return [real_values(results[tensor], tensor) for tensor in pieces.expected]

    def _reference_on(
        self, pieces: Pieces, rounded: Mapping[Tensor, Array]
    ) -> Mapping[Tensor, Array]:
        """Return what the reference gives on other inputs; nothing where it cannot tell."""
        piece = pieces.reference
        if piece is None:
            return {}
        same = {tensor: rounded[tensor] for tensor in pieces.expected if tensor in rounded}
        if not piece.outputs:
            return same
        outcome = run_alone(piece, tuple(rounded[t] for t in piece.inputs), self._prober)
        if outcome.status is not Status.RAN:
            return {}
        return {**same, **dict(zip(piece.outputs, outcome.outputs, strict=True))}


class _Values:
    """Values of the reference, computed when they are asked for, dropped after their last use."""

    def __init__(
        self,
        steps: Iterator[ExecutedStep],
        inputs: Mapping[Tensor, Array],
        uses: Mapping[Tensor, int],
    ) -> None:
        self._steps = steps
        self._values: dict[Tensor, Array | None] = dict(inputs)
        self._inputs = inputs
        self._uses = Counter(uses)

    def get(self, tensor: Tensor) -> Array | None:
        """Return a tensor's values; None where the reference could not compute them."""
        while tensor not in self._values:
            step = next(self._steps, None)
            if step is None:
                return None
            outputs = dict.fromkeys(step.operator.outputs)
            known = dict(_results(step))
            self._values |= {t: known.get(t) for t in outputs if self._uses[t]}
        return self._values[tensor]

    def release(self, tensors: Iterable[Tensor]) -> None:
        """Count a use of each; what has no more of them is dropped."""
        for tensor in tensors:
            self._uses[tensor] -= 1
            if not self._uses[tensor] and tensor not in self._inputs:
                self._values.pop(tensor, None)


def _results(step: ExecutedStep) -> Iterable[tuple[Tensor, Array]]:
    """Return the results that an operator really has, or its stand-in."""
    if step.origin not in _KNOWN:
        return ()
    return zip(dict.fromkeys(step.operator.outputs), step.outputs, strict=False)


def _add(
    totals: defaultdict[Tensor, ErrorSum],
    tensor: Tensor,
    values: Array,
    reference: NDArray[np.float64] | None,
) -> None:
    """Add an error, where both have numbers of one shape."""
    real = real_values(values, tensor)
    if real is not None and reference is not None and real.shape == reference.shape:
        totals[tensor].add(real, reference)


def _known(arrays: Iterable[Array | None]) -> list[Array] | None:
    """Return the arrays if all of them are known."""
    every = list(arrays)
    known = [array for array in every if array is not None]
    return known if len(known) == len(every) else None


def _all_equal(arrays: Sequence[Array], others: Sequence[Array]) -> bool:
    return len(arrays) == len(others) and all(map(np.array_equal, arrays, others))
