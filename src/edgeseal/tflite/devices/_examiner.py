"""Looks at what a device makes of a model, and of other forms of it, on the same inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from numpy.typing import NDArray

from edgeseal.errors import ModelError, UsageError
from edgeseal.pictures import ImageInput
from edgeseal.tflite.devices._device import Device, DeviceSession
from edgeseal.tflite.devices._device_model import refuse_dynamic
from edgeseal.tflite.devices._device_report import DeviceResult, Verdict, WrongOperator
from edgeseal.tflite.devices._rightness import equal_signs, error_of, is_as_near, is_wrong
from edgeseal.tflite.devices._single_operators import OperatorTrial, try_operators, units_of
from edgeseal.tflite.devices._trial import DeviceAnswer, Refusal, Sample
from edgeseal.tflite.graph import Model, Subgraph, Tensor, check_ends, paired_ends
from edgeseal.tflite.inputs import model_inputs
from edgeseal.tflite.metrics import TensorError, worst
from edgeseal.tflite.probe import Prober, cut_function
from edgeseal.tflite.workers import Status

__all__ = ["TAKEN_AND_WRONG", "Examiner"]

TAKEN_AND_WRONG = "ES032"
"""The code of an operator that a device takes and computes wrong."""
_Values: TypeAlias = Sequence[NDArray[Any]]
_Floats: TypeAlias = Sequence[tuple[Tensor, _Values]]  # by outputs
_DRAWS = 2  # pictures, where none are given
_UNANSWERED = (Status.CRASHED, Status.TIMED_OUT, Status.FAILED)


class Examiner:
    """Inputs for a model, on which devices are compared with this processor."""

    def __init__(
        self,
        model: Model,
        path: Path,
        prober: Prober,
        *,
        float_model: tuple[Model, Path] | None = None,
        pictures: Sequence[ImageInput] | None = None,
        seed: int = 0,
    ) -> None:
        """Choose the inputs.

        Args:
            model: of fixed shapes.
            path: its file, for messages.
            prober: where this processor's side runs.
            float_model: what it was made from, and its file: a device that is as near to that as
                this processor is right, too.
            pictures: what to run on, resized to the input; None to draw.
            seed: for what is drawn.

        Raises:
            ModelError: shapes are not fixed, a type is none that devices are given, or the float
                model does not run on this processor.
            UsageError: pictures were given, and the model takes none, or the float model has other
                inputs or outputs.
            FileError, ImageError: a picture cannot be read.
        """
        refuse_dynamic(model, path)
        self._path, self._prober = path, prober
        self._floats: _Floats | None = None
        if float_model is None:
            (self._samples,) = model_inputs([model], pictures, draws=_DRAWS, seed=seed)
            return
        other, place = float_model
        check_ends(other, model, reference_name=place, candidate_name=path)
        self._samples, inputs = model_inputs([model, other], pictures, draws=_DRAWS, seed=seed)
        whole = cut_function(other.main).model
        outputs = [self._on_processor(whole, sample, place) for sample in inputs]
        ends = paired_ends(other.main.outputs, model.main.outputs)
        order = [other.main.outputs.index(end) for _, end in ends]
        self._floats = [
            (other.main.outputs[number], [sample[number] for sample in outputs]) for number in order
        ]

    def examine(
        self,
        model: Model,
        session: DeviceSession,
        *,
        one_by_one: bool = True,
        progress: Callable[[str], None] = lambda _: None,
    ) -> DeviceResult:
        """Let a device compile and run a model, whole and operator by operator.

        Args:
            model: the one that inputs were chosen for, or another of the same inputs.
            session: with the device.
            one_by_one: whether to try operators one by one too, on the values that reach them.
            progress: told what is being done.

        Raises:
            UsageError: nothing answers for the device.
            ModelError: the model does not run on this processor.
            ProbeError: a process cannot start.
        """
        device, whole = session.device, cut_function(model.main).model
        samples = self._samples if device.runs else []
        expected = [self._on_processor(whole, sample, self._path) for sample in samples]
        progress(f"{device.name}: the whole model")
        answer = session.ask(whole, tuple(samples))
        if answer.status is Status.NOT_TRIED:
            raise UsageError(f"{device.name} cannot be asked here: {answer.message}")
        trials = []
        if one_by_one and device.runs:
            progress(f"{device.name}: operators one by one")
            inputs = dict(zip(model.main.inputs, self._samples[0], strict=True))
            trials = list(try_operators(session, units_of(model.main, inputs, self._prober)))
        return _result(device, model.main, answer, expected, self._floats, trials)

    def _on_processor(self, whole: Model, sample: Sample, path: Path) -> Sample:
        outcome = self._prober.run(whole, sample)
        if outcome.status is not Status.RAN:
            raise ModelError(
                f"{path} does not run on this processor, so there is nothing to compare a "
                f"device with: {outcome.message}; `edgeseal check` says more"
            )
        return outcome.outputs


def _result(
    device: Device,
    main: Subgraph,
    answer: DeviceAnswer,
    expected: Sequence[Sample],
    floats: _Floats | None,
    trials: Sequence[OperatorTrial],
) -> DeviceResult:
    outputs = []
    for number, tensor in enumerate(main.outputs if answer.status is Status.RAN else []):
        got = [sample[number] for sample in answer.outputs]
        wanted = [sample[number] for sample in expected]
        outputs.append(_Output(tensor, got, wanted, None if floats is None else floats[number]))
    wrong = tuple(_wrong(trial) for trial in trials if trial.is_wrong)
    is_off = any(output.is_wrong for output in outputs)
    return DeviceResult(
        device=device.name,
        title=device.title,
        verdict=_verdict(device, answer, is_wrong=is_off or bool(wrong)),
        message=answer.message,
        operators=len(main.operators),
        refusals=answer.refusals,
        pieces=answer.pieces,
        error=worst(output.error for output in outputs),
        signs=min((output.signs for output in outputs if output.signs is not None), default=None),
        tried=sum(trial.status is Status.RAN for trial in trials),
        wrong=wrong,
        at_fault=tuple(sorted({*_at_fault(main, answer.refusals, trials)})),
        float_errors=max(
            (output.float_errors for output in outputs if output.float_errors is not None),
            key=lambda errors: errors[0].severity,
            default=None,
        ),
    )


class _Output:
    """How far an output of the whole model is from this processor's, and from a float model's."""

    def __init__(
        self, tensor: Tensor, got: _Values, expected: _Values, real: tuple[Tensor, _Values] | None
    ) -> None:
        self.error = error_of(got, expected, tensor)
        self.signs = equal_signs(got, expected, tensor)
        self.float_errors: tuple[TensorError, TensorError] | None = None
        if real is not None:
            here, own = (error_of(side, real[1], tensor, real[0]) for side in (got, expected))
            self.float_errors = here, own
        self.is_wrong = is_wrong(self.error, tensor) and not (
            self.float_errors is not None and is_as_near(*self.float_errors)
        )


def _wrong(trial: OperatorTrial) -> WrongOperator:
    assert trial.error is not None  # it ran
    kind, name = trial.operator.kind, trial.operator.outputs[0].name
    return WrongOperator(TAKEN_AND_WRONG, trial.number, kind, name, trial.error)


def _at_fault(
    main: Subgraph, refusals: Sequence[Refusal], trials: Sequence[OperatorTrial]
) -> Iterator[int]:
    yield from (t.number for t in trials if t.is_wrong or t.status is not Status.RAN)
    for refusal in refusals:
        yield from refusal.numbers or (
            number for number, o in enumerate(main.operators) if o.kind == refusal.kind
        )


def _verdict(device: Device, answer: DeviceAnswer, *, is_wrong: bool) -> Verdict:
    if answer.status in _UNANSWERED:
        return Verdict.FAILED
    if answer.status is Status.PREPARED and not device.runs:
        return Verdict.TAKEN
    if answer.status is not Status.RAN:
        return Verdict.REFUSED
    return Verdict.WRONG if is_wrong else Verdict.RIGHT
