"""Finds out where two files of one graph differ."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgeseal._files import check_apart, check_output
from edgeseal._progress import SILENT, Progress
from edgeseal.errors import UsageError
from edgeseal.pictures import ImageInput
from edgeseal.tflite.comparison import (
    Comparison,
    ModelFile,
    check_ends,
    check_plot,
    comparison_record,
    summary_lines,
    write_plot,
)
from edgeseal.tflite.comparison import compare as compare_files
from edgeseal.tflite.devices import DeviceModel
from edgeseal.tflite.inputs import (
    InputForm,
    InputOptions,
    Sample,
    are_arrays,
    drawn_samples,
    given_inputs,
    placeholder_hint,
    samples_from_arrays,
    samples_from_pictures,
)
from edgeseal.tflite.probe import Prober, check_meaning
from edgeseal.tflite.verbs._limits import device_limit_s

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["CompareResult", "compare"]

_DRAWS = 2


@dataclass(frozen=True, slots=True)
class CompareResult:
    """How far a file is from another of the same graph.

    Attributes:
        comparison: what was found.
        max_nsr: the gate; None for none.
    """

    comparison: Comparison
    max_nsr: float | None

    @property
    def is_good(self) -> bool:
        """Whether outputs could be compared, and none is further off than the gate lets it be."""
        found, error = self.comparison, self.comparison.error
        if self.max_nsr is None:
            is_run = not (found.reference_refusal or found.candidate_refusal)
            return is_run if error is None else error.is_finite
        return error is not None and error.severity <= self.max_nsr

    def to_json(self) -> dict[str, object]:
        """Return all of it for JSON."""
        return {**comparison_record(self.comparison), "max_nsr": self.max_nsr}

    def __str__(self) -> str:
        return "\n".join(summary_lines(self.comparison))


def compare(
    reference: str | Path,
    candidate: str | Path,
    *,
    images: ImageInput | Iterable[ImageInput] | None = None,
    draws: int | None = None,
    seed: int = 0,
    device: str | None = None,
    max_nsr: float | None = None,
    plot: str | Path | None = None,
    overwrite: bool = False,
    timeout_s: float = 60.0,
    progress: Progress = SILENT,
    **inputs: Unpack[InputOptions],
) -> CompareResult:
    """Find out where two files of one graph differ, operator by operator.

    Args:
        reference: such as the float model.
        candidate: another file of the same graph.
        images: pictures, or files of arrays (``.npy``, ``.npz``), to run both on.
        draws: number of drawn inputs instead: pink noise for pictures, else the input's range; 2
            if neither is given.
        seed: for what is drawn.
        device: what computes the candidate's outputs instead of this processor: ``gpu``,
            ``qualcomm:SM8650`` and so on, as :func:`edgeseal.tflite.check` takes them.
        max_nsr: the result is not good if an output's error is above it.
        plot: draw the errors along the graph here, ``.html`` or ``.svg``.
        overwrite: whether to replace the plot.
        timeout_s: longest time for one run; ten times that on a device.
        progress: hears what goes on.
        inputs: how pixels are fed, and sizes that the file leaves open; see :class:`InputOptions`.

    Raises:
        UsageError: arguments that contradict each other, files with other inputs or outputs, or a
            device that cannot be asked here.
        FileError, ModelError: a file cannot be read, the plot cannot be written, or the device does
            not take all of the candidate.
        ProbeError: the process that loads LiteRT cannot start.
    """
    if images is not None and draws is not None:
        raise UsageError("`images` and `draws`: give one of them")
    plot = None if plot is None else Path(plot)
    if plot is not None:
        check_plot(plot)
    form = InputForm.of(**inputs)
    if device is not None and form.shapes:
        raise UsageError("`device` takes the file's own sizes: leave `input_shape` out")
    files = ModelFile.read(reference), ModelFile.read(candidate)
    for file in files:
        check_meaning(file.model, file.path)
        form.apply(file.model)
        hint = placeholder_hint(file.model)
        if hint:
            progress.note(f"{file.path}: {hint}")
    check_ends(*files)
    pictures = None if images is None else given_inputs(images)
    if plot is not None:
        named = [one for one in pictures or () if isinstance(one, str | Path)]
        check_apart([reference, candidate, *named], [plot])
        check_output(plot, overwrite=overwrite)
    samples, count = _samples(*files, pictures, draws or _DRAWS, seed)
    text = f"comparing {files[1].path.name} with {files[0].path.name}"
    with ExitStack() as stack:
        on_device = None
        if device is not None:
            limit_s = device_limit_s(timeout_s)
            on_device = stack.enter_context(DeviceModel(candidate, device, timeout_s=limit_s))
        say = stack.enter_context(progress.busy(text))
        prober = stack.enter_context(Prober(timeout_s=timeout_s))
        advance = _progress(say, text, len(files[1].model.main.operators), count)
        found = compare_files(*files, samples, prober, on_device=on_device, advance=advance)
    if plot is not None:
        write_plot(found, plot, overwrite=overwrite)
    return CompareResult(found, max_nsr)


def _samples(
    reference: ModelFile,
    candidate: ModelFile,
    pictures: list[Any] | None,
    draws: int,
    seed: int,
) -> tuple[Iterator[Sample], int]:
    """Return what to run on, and how many these are."""
    models = reference.model, candidate.model
    if pictures is None:
        return drawn_samples(*models, draws, seed=seed), draws
    if are_arrays(pictures):
        found = list(samples_from_arrays(*models, pictures))
        return iter(found), len(found)
    return samples_from_pictures(*models, pictures, seed=seed), len(pictures)


def _progress(
    say: Callable[[str], None], text: str, operators: int, samples: int
) -> Callable[[], None]:
    done = 0

    def advance() -> None:
        nonlocal done
        done += 1
        sample, operator = divmod(done - 1, operators)
        say(f"{text}: sample {sample + 1} of {samples}, operator {operator + 1} of {operators}")

    return advance
