"""Compares two files of the same graph, operator by operator."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from edgeseal.tflite import graph
from edgeseal.tflite.comparison._match import Means, match
from edgeseal.tflite.comparison._meter import Meter, SampleReading
from edgeseal.tflite.comparison._output_errors import OutputError, OutputMeter
from edgeseal.tflite.devices import DeviceModel
from edgeseal.tflite.graph import (
    Model,
    Operator,
    Tensor,
    find_modules,
    output_parts,
    paired_ends,
    read_model,
)
from edgeseal.tflite.inputs._paired_samples import Sample
from edgeseal.tflite.metrics._error_sums import TensorError, worst
from edgeseal.tflite.probe import Prober
from edgeseal.tflite.workers import Status

__all__ = ["ComparedPart", "Comparison", "ModelFile", "OperatorError", "check_ends", "compare"]

Outputs = Sequence[NDArray[Any] | None]


class ComparedPart(enum.Enum):
    """A part of an operator's error."""

    OWN = "own"
    ARRIVING = "arriving"
    LEAVING = "leaving"


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A file that was read.

    Attributes:
        path: the file.
        model: what it holds.
    """

    path: Path
    model: Model

    @classmethod
    def read(cls, path: str | Path) -> ModelFile:
        """Read a file.

        Raises:
            FileError: the file cannot be read.
            ModelError: it is no ``.tflite`` model, or a damaged one.
        """
        return cls(Path(path), read_model(path))


@dataclass(frozen=True, slots=True)
class OperatorError:
    """The error of an operator of the candidate.

    Attributes:
        number: position of the operator in the main subgraph.
        operator: the operator.
        module: of the program it comes from; empty if the names do not tell.
        counterpart: the operator of the same kind in the reference; None for inserted conversions
            and for operators that took the place of others.
        means: what the match with the counterpart rests on.
        is_matched: whether its results stand for tensors of the reference, or go into an operator
            whose results do; then it is measured as a part of that.
        reading: what was measured.
    """

    number: int
    operator: Operator
    module: str
    counterpart: Operator | None
    means: Means | None
    is_matched: bool
    reading: SampleReading

    def part(self, part: ComparedPart) -> TensorError | None:
        """Return a part of the error; None where it was not measured."""
        return {
            ComparedPart.OWN: self.reading.own,
            ComparedPart.ARRIVING: self.reading.arriving,
            ComparedPart.LEAVING: self.reading.leaving,
        }[part]


@dataclass(frozen=True, slots=True)
class Comparison:
    """How far a file is from a reference file of the same graph.

    An operator's own error is that of its results when its inputs are the reference's, as far as
    their types can hold them: the operator of the reference sees the same inputs. The arriving
    error is that of the inputs that it really has, the leaving error that of the results that it
    really gives, each against the reference. Own errors are rounding of weights, of results and
    inside the kernel; leaving errors are what the operators before it add up to.

    Attributes:
        reference: the file to compare with.
        candidate: the file that is compared.
        samples: number of inputs that the errors are summed over.
        operators: of the candidate's main subgraph, in execution order.
        missing: operators of the reference that have no counterpart.
        outputs: errors of the outputs; of the files as a whole, or operator by operator where a
            file does not run.
        reference_refusal: why the reference does not run as a whole; empty if it does.
        candidate_refusal: the same of the candidate.
        device: what computed the candidate's outputs; empty for LiteRT on this processor. Operators
            are measured on this processor in any case.
    """

    reference: Path
    candidate: Path
    samples: int
    operators: tuple[OperatorError, ...]
    missing: tuple[Operator, ...]
    outputs: tuple[OutputError, ...]
    reference_refusal: str
    candidate_refusal: str
    device: str = ""

    @property
    def error(self) -> TensorError | None:
        """The error of the worst output; None if no output holds numbers."""
        return worst(output.worst for output in self.outputs)

    @property
    def failed(self) -> tuple[OperatorError, ...]:
        """Operators that did not run; their float twins stood in where they could."""
        return tuple(found for found in self.operators if found.reading.message)

    @property
    def unmatched(self) -> tuple[OperatorError, ...]:
        """Operators that stand for nothing in the reference."""
        return tuple(found for found in self.operators if not found.is_matched)

    def ranked(self, part: ComparedPart) -> list[OperatorError]:
        """Return the operators whose error was measured, the worst first."""
        measured = [(found.part(part), found) for found in self.operators]
        known = [(error, found) for error, found in measured if error is not None]
        known.sort(key=lambda pair: (-pair[0].severity, pair[1].number))
        return [found for _, found in known]

    def values(self, part: ComparedPart) -> Mapping[Operator, float]:
        """Return the NSR of operators; infinite where values are not finite."""
        found = ((error.operator, error.part(part)) for error in self.operators)
        return {operator: error.severity for operator, error in found if error is not None}


def compare(
    reference: ModelFile,
    candidate: ModelFile,
    samples: Iterable[Sample],
    prober: Prober,
    *,
    on_device: DeviceModel | None = None,
    advance: Callable[[], None] = lambda: None,
) -> Comparison:
    """Compare the main subgraphs of two files of the same graph.

    Args:
        reference: the file to compare with, such as the float model.
        candidate: the file to compare, such as a quantized one.
        samples: inputs; errors are summed over them.
        prober: where the operators run.
        on_device: the candidate on a device, which then computes its outputs.
        advance: called after each operator of the candidate, for each sample.

    Raises:
        UsageError: the files have other inputs or outputs.
        ModelError: the device does not take the candidate.
        ProbeError: the process that loads LiteRT, or asks the device, cannot start.
    """
    run = _Run(reference, candidate, prober, on_device)
    for sample in samples:
        run.add(sample, advance)
    return run.comparison()


def check_ends(reference: ModelFile, candidate: ModelFile) -> None:
    """Refuse files that cannot be of one graph.

    Raises:
        UsageError: they have other inputs or outputs.
    """
    graph.check_ends(
        reference.model,
        candidate.model,
        reference_name=reference.path,
        candidate_name=candidate.path,
    )


class _Run:
    """A comparison under way."""

    def __init__(
        self,
        reference: ModelFile,
        candidate: ModelFile,
        prober: Prober,
        on_device: DeviceModel | None,
    ) -> None:
        self._device = "" if on_device is None else on_device.title
        self._files = reference, candidate
        self._samples = 0
        check_ends(reference, candidate)
        ours, theirs = reference.model, candidate.model
        self._matching = match(ours.main, theirs.main)
        self._meter = Meter(ours, theirs, self._matching, prober)
        self._wholes = _Whole(reference, prober), _Whole(candidate, prober, on_device)
        ends = paired_ends(ours.main.outputs, theirs.main.outputs)
        self._outputs = [
            OutputMeter(other, tensor, output_parts(ours.main, other)) for tensor, other in ends
        ]
        self._order = [ours.main.outputs.index(other) for _, other in ends]

    def add(self, sample: Sample, advance: Callable[[], None]) -> None:
        """Run both files on a sample."""
        self._samples += 1
        piecewise = self._meter.add(sample, advance)
        sides = zip(self._wholes, (sample.reference, sample.candidate), piecewise, strict=True)
        expected, found = (whole.outputs(values, known) for whole, values, known in sides)
        for output, place, values in zip(self._outputs, self._order, found, strict=True):
            other = expected[place]
            if other is not None and values is not None:
                output.add(other, values)

    def comparison(self) -> Comparison:
        """Return what was measured."""
        reference, candidate = self._files
        errors = (output.error() for output in self._outputs)
        return Comparison(
            reference=reference.path,
            candidate=candidate.path,
            samples=self._samples,
            operators=tuple(self._operators()),
            missing=self._matching.missing,
            outputs=tuple(error for error in errors if error is not None),
            reference_refusal=self._wholes[0].refusal,
            candidate_refusal=self._wholes[1].refusal,
            device=self._device,
        )

    def _operators(self) -> Iterator[OperatorError]:
        model = self._files[1].model
        modules = find_modules(model)
        for number, operator in enumerate(model.main.operators):
            found = self._matching.operators.get(operator)
            yield OperatorError(
                number=number,
                operator=operator,
                module=modules.display_name(operator),
                counterpart=None if found is None else found.operator,
                means=None if found is None else found.means,
                is_matched=self._meter.is_matched(operator),
                reading=self._meter.reading(operator),
            )


class _Whole:
    """A file run as a whole, as long as LiteRT does, or on a device."""

    def __init__(
        self, file: ModelFile, prober: Prober, on_device: DeviceModel | None = None
    ) -> None:
        self._device = on_device
        self._file = file
        self._prober = prober
        self.refusal = ""

    def outputs(self, inputs: Mapping[Tensor, NDArray[Any]], known: Outputs) -> Outputs:
        """Return the file's own outputs, or what is known from running its operators."""
        if self.refusal:
            return known
        given = tuple(inputs[tensor] for tensor in self._file.model.main.inputs)
        if self._device is not None:
            return self._device.run(given)
        outcome = self._prober.run(self._file.path, given)
        if outcome.status is Status.RAN:
            return outcome.outputs
        self.refusal = outcome.message
        return known
