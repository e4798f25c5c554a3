"""Asks devices about a file: what they take, and whether what they compute is right."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from edgeseal.errors import ModelError, UsageError
from edgeseal.pictures import ImageInput
from edgeseal.tflite.devices._device import Device, DeviceSession
from edgeseal.tflite.devices._device_report import (
    DeviceReport,
    DeviceResult,
    Verdict,
    WrongOperator,
)
from edgeseal.tflite.devices._known_devices import find_devices
from edgeseal.tflite.devices._rightness import equal_signs, error_of, is_wrong
from edgeseal.tflite.devices._single_operators import OperatorTrial, try_operators, units_of
from edgeseal.tflite.devices._trial import DeviceAnswer, Sample
from edgeseal.tflite.graph import Model, Subgraph, read_model
from edgeseal.tflite.inputs import model_inputs
from edgeseal.tflite.metrics import worst
from edgeseal.tflite.probe import Prober, Status, cut_function, numpy_type

__all__ = ["TAKEN_AND_WRONG", "check_on"]

TAKEN_AND_WRONG = "ES032"
"""The code of an operator that a device takes and computes wrong."""
_DRAWS = 2  # pictures, where none are given
_UNANSWERED = (Status.CRASHED, Status.TIMED_OUT, Status.FAILED)


def check_on(
    path: str | Path,
    devices: Sequence[str],
    *,
    pictures: Sequence[ImageInput] | None = None,
    one_by_one: bool = True,
    seed: int = 0,
    timeout_s: float = 600.0,
    progress: Callable[[str], None] = lambda _: None,
) -> DeviceReport:
    """Let devices compile a file and run it, and compare with LiteRT on this processor.

    The whole model is run on every input, and its operators one by one on the values that reach
    them with the first. Each device answers in a process of its own, so that a crash or a hang is
    an answer.

    Args:
        path: any ``.tflite`` file of fixed shapes.
        devices: names, as :func:`find_device` takes them.
        pictures: what to run on, resized to the input; None to draw pink noise, or values from
            the inputs' ranges.
        one_by_one: whether to try operators one by one too.
        seed: for what is drawn.
        timeout_s: longest time for one model, and for one batch of operators.
        progress: told what is being done.

    Raises:
        UsageError: there is no such device, or something has to be installed for it; says what.
        FileError, ModelError: the file cannot be read, or does not run on this processor.
        ProbeError: a process cannot start.
    """
    path = Path(path)
    chosen = find_devices(devices)
    model = read_model(path)
    _refuse_dynamic(model, path)
    (samples,) = model_inputs([model], pictures, draws=_DRAWS, seed=seed)
    with Prober(timeout_s=timeout_s) as prober:
        whole = cut_function(model.main).model
        progress("running on this processor")
        expected = [_on_processor(prober, whole, sample, path) for sample in samples]
        inputs = dict(zip(model.main.inputs, samples[0], strict=True))
        results = []
        for device in chosen:
            with DeviceSession(device, timeout_s=timeout_s) as session:
                progress(f"{device.name}: the whole model")
                answer = session.ask(whole, tuple(samples))
                if answer.status is Status.NOT_TRIED:
                    raise UsageError(f"{device.name} cannot be asked here: {answer.message}")
                progress(f"{device.name}: operators one by one")
                units = units_of(model.main, inputs, prober) if one_by_one else ()
                trials = list(try_operators(session, units))
            results.append(_result(device, model.main, answer, expected, trials))
    return DeviceReport(path, tuple(results))


def _refuse_dynamic(model: Model, path: Path) -> None:
    ends = [*model.main.inputs, *model.main.outputs]
    odd = [t.name for t in ends if t.is_dynamic or numpy_type(t) is None]
    if odd:
        raise ModelError(
            f"{path}: shape or type of {', '.join(map(repr, odd))} is not fixed, and devices "
            "compile for fixed ones; convert with fixed sizes"
        )


def _on_processor(prober: Prober, whole: Model, sample: Sample, path: Path) -> Sample:
    outcome = prober.run(whole, sample)
    if outcome.status is not Status.RAN:
        raise ModelError(
            f"{path} does not run on this processor, so there is nothing to compare a device with: "
            f"{outcome.message}; `edgeseal check` says more"
        )
    return outcome.outputs


def _result(
    device: Device,
    main: Subgraph,
    answer: DeviceAnswer,
    expected: Sequence[Sample],
    trials: Sequence[OperatorTrial],
) -> DeviceResult:
    errors, signs = [], []
    for number, tensor in enumerate(main.outputs if answer.status is Status.RAN else []):
        got = [outputs[number] for outputs in answer.outputs]
        wanted = [outputs[number] for outputs in expected]
        errors.append((error_of(got, wanted, tensor), tensor))
        signs.append(equal_signs(got, wanted, tensor))
    wrong = tuple(_wrong(trial) for trial in trials if trial.is_wrong)
    is_off = any(is_wrong(error, tensor) for error, tensor in errors)
    return DeviceResult(
        device=device.name,
        title=device.title,
        verdict=_verdict(answer, is_wrong=is_off or bool(wrong)),
        message=answer.message,
        operators=len(main.operators),
        refusals=answer.refusals,
        pieces=answer.pieces,
        error=worst(error for error, _ in errors),
        signs=min((share for share in signs if share is not None), default=None),
        tried=sum(trial.status is Status.RAN for trial in trials),
        wrong=wrong,
    )


def _wrong(trial: OperatorTrial) -> WrongOperator:
    assert trial.error is not None  # it ran
    kind, name = trial.operator.kind, trial.operator.outputs[0].name
    return WrongOperator(TAKEN_AND_WRONG, trial.number, kind, name, trial.error)


def _verdict(answer: DeviceAnswer, *, is_wrong: bool) -> Verdict:
    if answer.status in _UNANSWERED:
        return Verdict.FAILED
    if answer.status is not Status.RAN:
        return Verdict.REFUSED
    return Verdict.WRONG if is_wrong else Verdict.RIGHT
