"""Quantizes a float file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edgeseal._files import check_apart, check_output, replacing
from edgeseal._progress import SILENT, Progress
from edgeseal.errors import ModelError, UsageError
from edgeseal.tflite.graph import Model, read_model, write_model
from edgeseal.tflite.inputs import InputForm, InputOptions, placeholder_hint
from edgeseal.tflite.probe import Prober, check_comes_back, check_meaning, draw, size_bytes
from edgeseal.tflite.quantization import (
    CalibrationSource,
    Ends,
    QuantizationReport,
    Share,
    check_fit,
    find_ends,
    find_recipe,
)
from edgeseal.tflite.quantization import quantize as quantize_model
from edgeseal.tflite.workers import Status

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["QuantizedFile", "quantize"]


@dataclass(frozen=True, slots=True)
class QuantizedFile:
    """A file that was written, and how it turned out.

    Attributes:
        source: the float file.
        path: the file; not there where LiteRT refuses it.
        recipe: name of the recipe.
        size_bytes_before: of the float file.
        size_bytes: of the file.
        report: what was quantized.
        refusal: why LiteRT cannot prepare it, or that it ends the process; None if all is well.
    """

    source: Path
    path: Path
    recipe: str
    size_bytes_before: int
    size_bytes: int
    report: QuantizationReport
    refusal: str | None

    @property
    def is_good(self) -> bool:
        """Whether LiteRT can prepare it, and it was written."""
        return self.refusal is None

    def to_json(self) -> dict[str, object]:
        """Return all of it for JSON."""
        return {
            "source": str(self.source),
            "path": str(self.path) if self.is_good else None,
            "recipe": self.recipe,
            "size_bytes_before": self.size_bytes_before,
            "size_bytes": self.size_bytes,
            "weights": {part.name: part.share for part in self.report.weights},
            "macs": {part.name: part.share for part in self.report.macs},
            "notes": list(self.report.notes),
            "layers": [asdict(layer) for layer in self.report.layers],
            "refusal": self.refusal,
        }

    def __str__(self) -> str:
        before, after = self.size_bytes_before, self.size_bytes
        state = "" if self.is_good else " (not written)"
        return (
            f"{self.path}{state}: {before / 2**20:.2f} MiB -> {after / 2**20:.2f} MiB "
            f"({after / before:.1%})\n"
            f"weights: {_shares(self.report.weights)}\n"
            f"multiply-accumulates: {_shares(self.report.macs)}"
        )


def quantize(
    source: str | Path,
    recipe: str,
    output: str | Path,
    *,
    calibration: Sequence[str | Path] = (),
    ranges: str | Path | None = None,
    save_ranges: str | Path | None = None,
    io: str = Ends.FLOAT32.value,
    overwrite: bool = False,
    progress: Progress = SILENT,
    **inputs: Unpack[InputOptions],
) -> QuantizedFile:
    """Quantize a float model; needs no PyTorch.

    The file is tried in a process of its own, and not written where LiteRT refuses it or dies.

    Args:
        source: a float32 model, from any converter.
        recipe: how: a name of :func:`edgeseal.tflite.recipes`, or a file.
        output: file to write.
        calibration: pictures, or files of arrays (``.npy``, ``.npz``), to observe the model on, any
            number. Default: the bundled photographs, where the recipe needs some.
        ranges: use ranges that were saved, and no pictures.
        save_ranges: save what was observed; an interrupted run continues where it was.
        io: what the model takes and gives: ``float32``, ``int8`` or ``uint8``; integers where all
            of it is quantized.
        overwrite: whether to replace the files.
        progress: hears what goes on.
        inputs: how pixels are fed, and sizes that the file leaves open; see :class:`InputOptions`.

    Raises:
        UsageError: arguments that contradict each other, the recipe or the model.
        ModelError: the source is no float model.
        FileError, ImageError: a file cannot be read or written.
    """
    source, output = Path(source), Path(output)
    saved = None if save_ranges is None else Path(save_ranges)
    chosen, ends = find_recipe(recipe), find_ends(io)
    form = InputForm.of(**inputs)
    if chosen.is_float32:
        raise UsageError(
            f"recipe {chosen.name} quantizes nothing; name another, such as dynamic-int8"
        )
    learned = CalibrationSource(calibration, None if ranges is None else Path(ranges), saved)
    learned.check([chosen])
    model = read_model(source)
    check_meaning(model, source)
    check_apart([source, ranges, recipe, *calibration], [output, saved])
    for path in (output, saved):
        if path is not None:
            check_output(path, overwrite=overwrite)
    before_bytes = source.stat().st_size
    if chosen.uses_calibration:
        check_comes_back(source)
    hint = ""
    try:
        form.apply(model)
        hint = placeholder_hint(model)  # recipes fix open sizes
        check_fit(model, chosen, ends)
        with learned.opened(model, [chosen], progress) as observed:
            report = quantize_model(model, chosen, calibration=observed, ends=ends)
    except (ModelError, UsageError) as error:
        raise type(error)("; ".join(filter(None, [f"{source}: {error}", hint]))) from error
    if observed is not None and saved is not None:
        observed.save(saved, overwrite=overwrite)
    with progress.busy(f"trying {output.name}"):
        size, reason = _write_tried(model, output, overwrite=overwrite)
    return QuantizedFile(source, output, chosen.name, before_bytes, size, report, reason)


class _RefusedError(Exception):
    """LiteRT refuses what was written."""


def _write_tried(model: Model, output: Path, *, overwrite: bool) -> tuple[int, str | None]:
    """Write a model unless LiteRT refuses it; returns its size in bytes, and why it does."""
    size = 0
    try:
        with replacing(output, overwrite=overwrite) as temporary:
            write_model(model, temporary, overwrite=True)
            size = temporary.stat().st_size
            reason = _refusal(model, temporary)
            if reason is not None:
                raise _RefusedError(reason)
    except _RefusedError as error:
        return size, str(error)
    return size, None


def _refusal(model: Model, path: Path) -> str | None:
    """Return why LiteRT does not take a file, or that it dies of it; None if all is well."""
    generator = np.random.default_rng(0)
    with Prober() as prober:
        outcome = prober.prepare(path)
        inputs = [draw(tensor, generator) for tensor in model.main.inputs]
        is_small = sum(map(size_bytes, model.main.inputs)) <= prober.trial_limit_bytes
        given = tuple(values for values in inputs if values is not None)
        if not outcome.is_broken and is_small and len(given) == len(inputs):
            ran = prober.run(path, given)
            # drawn inputs may be none that the model is for; that ends no process
            outcome = ran if ran.status is Status.CRASHED else outcome
    if outcome.status is Status.CRASHED:
        return f"it ends the process ({outcome.message})"
    hint = placeholder_hint(model)
    return "; ".join(filter(None, [outcome.message, hint])) if outcome.is_broken else None


def _shares(shares: Sequence[Share]) -> str:
    return ", ".join(f"{part.share:.1%} {part.name}" for part in shares) or "none"
