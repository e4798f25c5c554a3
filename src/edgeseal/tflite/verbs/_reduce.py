"""Cuts out the smallest sub-model that still shows a fault."""

from __future__ import annotations

import contextlib
import dataclasses
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgeseal._files import check_apart, check_output
from edgeseal._progress import SILENT, Progress
from edgeseal.errors import UsageError
from edgeseal.pictures import ImageInput
from edgeseal.tflite.diagnosis import CODES
from edgeseal.tflite.graph import Model, read_model
from edgeseal.tflite.inputs import (
    InputForm,
    InputOptions,
    given_inputs,
    placeholder_hint,
    samples_of,
)
from edgeseal.tflite.reduction import (
    BugReport,
    NodePlace,
    ReduceSettings,
    Reduction,
    bug_report,
    reduce_command,
    reduce_difference,
    reduce_finding,
    reduction_paths,
    write_reduction,
)
from edgeseal.tflite.verbs._shaped import shaped

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["ReducedFile", "reduce"]


@dataclass(frozen=True, slots=True)
class ReducedFile:
    """A sub-model that was written.

    Attributes:
        reduction: what came of it.
        paths: the files that were written, the model first.
        report: what to tell whoever mends it.
    """

    reduction: Reduction
    paths: tuple[Path, ...]
    report: BugReport

    @property
    def is_good(self) -> bool:
        """Always: a model that does not show the fault is an error."""
        return True

    def to_json(self) -> dict[str, object]:
        """Return all of it for JSON."""
        reduction, report = self.reduction, self.report
        return {
            "source": str(reduction.source),
            "paths": [str(path) for path in self.paths],
            "fault": reduction.title,
            "evidence": reduction.evidence,
            "operators_before": reduction.operators_before,
            "operators": list(report.operators),
            "tensors": [list(lines) for lines in report.tensors],
            "size_bytes": len(reduction.content),
            "kept_weight_bytes": reduction.kept_weight_bytes,
            "trials": reduction.trials,
            "cut_short": reduction.is_cut_short,
            "versions": report.versions,
            "script": report.script,
            "report": report.text,
        }

    def __str__(self) -> str:
        return self.report.text


def reduce(
    source: str | Path,
    output: str | Path,
    *,
    finding: str | None = None,
    node: str | None = None,
    images: ImageInput | Iterable[ImageInput] | None = None,
    float_model: str | Path | None = None,
    against_fallback: bool = False,
    tolerance: float = 0.01,
    command: str | None = None,
    timeout_s: float = 60.0,
    max_trials: int = 1000,
    keep_weights: bool = False,
    overwrite: bool = False,
    progress: Progress = SILENT,
    **inputs: Unpack[InputOptions],
) -> ReducedFile:
    """Cut out the smallest sub-model that still shows a fault, for a bug report.

    The fault is the worst finding of :func:`edgeseal.tflite.check`, or what the arguments name.

    Args:
        source: any ``.tflite`` file.
        output: file to write; others go beside it.
        finding: code of the finding to show, such as ``ES010``.
        node: ``N`` or ``S:N``: node to show it, of subgraph S.
        images: pictures, or files of arrays (``.npy``, ``.npz``), to run it on.
        float_model: show a difference from the same part of this file.
        against_fallback: show one between the accelerated delegate and the fallback kernels.
        tolerance: difference that is fine, as a share of the output's largest value.
        command: show a failure of this command; ``{}`` in it stands for the file.
        timeout_s: longest time for one trial.
        max_trials: stop after so many.
        keep_weights: do not replace weights by zeros.
        overwrite: whether to replace the files.
        progress: hears what goes on.
        inputs: how pixels are fed, and sizes that the file leaves open; see :class:`InputOptions`.

    Raises:
        UsageError: arguments that contradict each other, or are none.
        NothingToReduceError: the model does not show the fault.
        FileError, ModelError, ProbeError: a file cannot be read, tried or written.
    """
    source, output = Path(source), Path(output)
    pictures = None if images is None else given_inputs(images)
    chosen = _Fault(finding, node, pictures, float_model, against_fallback, tolerance, command)
    chosen.check()
    model = read_model(source)  # what it lacks is said before what is in the way
    form = InputForm.of(**inputs)
    if command is None and not form.shapes:
        _refuse_placeholders(model)
    paths = reduction_paths(output).values()
    named = [picture for picture in pictures or () if isinstance(picture, str | Path)]
    check_apart([source, float_model, *named], paths)
    for path in paths:
        check_output(path, overwrite=overwrite)
    with contextlib.ExitStack() as stack:
        say = stack.enter_context(progress.busy(f"reducing {source.name}"))
        file = stack.enter_context(shaped(source, model, form))
        if float_model is not None:
            reference = Path(float_model)
            float_file = stack.enter_context(shaped(reference, read_model(reference), form))
            chosen = dataclasses.replace(chosen, float_model=float_file)
        settings = ReduceSettings(
            timeout_s=timeout_s,
            max_trials=max_trials,
            keep_weights=keep_weights,
            on_progress=lambda text: say(f"reducing {source.name}: {text}"),
        )
        reduction = dataclasses.replace(chosen.reduce(file, settings), source=source)
    written = write_reduction(reduction, output, overwrite=overwrite)
    return ReducedFile(reduction, tuple(written), bug_report(reduction, output))


def _refuse_placeholders(model: Model) -> None:
    """Refuse a model that does not say its sizes: what fails with 1 for them is no fault.

    Raises:
        UsageError: it leaves sizes open.
    """
    hint = placeholder_hint(model)
    if hint:
        raise UsageError(hint)


@dataclass(frozen=True, slots=True)
class _Fault:
    """What the arguments say that the reduced model has to show."""

    finding: str | None
    node: str | None
    images: list[ImageInput] | None
    float_model: str | Path | None
    against_fallback: bool
    tolerance: float
    command: str | None

    def check(self) -> None:
        """Refuse arguments that contradict each other.

        Raises:
            UsageError: they do.
        """
        kinds = {
            "`finding` or `node`": self.finding or self.node,
            "`float_model`": self.float_model,
            "`against_fallback`": self.against_fallback,
            "`command`": self.command,
        }
        given = [name for name, value in kinds.items() if value]
        if len(given) > 1:
            raise UsageError(f"{' and '.join(given)} ask for different faults; give one of them")
        if self.finding is not None and self.finding not in CODES:
            raise UsageError(f"{self.finding}: no code of a finding; known are {', '.join(CODES)}")
        if self.command and self.images is not None:
            raise UsageError("`images` are for findings and differences, not for `command`")
        if self.node is not None:
            NodePlace.parse(self.node)
        if self.command is not None:
            _split(self.command)

    def reduce(self, source: Path, settings: ReduceSettings) -> Reduction:
        """Reduce a file."""
        if self.command is not None:
            return reduce_command(source, _split(self.command), settings=settings)
        if self.float_model is not None or self.against_fallback:
            reference = self.float_model or source
            return reduce_difference(
                source,
                tolerance=self.tolerance,
                against=self.float_model,
                sample=samples_of(read_model(reference), self.images)[0],
                settings=settings,
            )
        return reduce_finding(
            source,
            code=self.finding,
            place=None if self.node is None else NodePlace.parse(self.node),
            samples=samples_of(read_model(source), self.images),
            settings=settings,
        )


def _split(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError as error:
        raise UsageError(f"`command` {command}: {error}; quote it as for a shell") from error
