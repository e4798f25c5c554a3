"""Quantizes a float file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from edgeseal._files import check_apart, check_output
from edgeseal._progress import SILENT, Progress
from edgeseal.errors import ModelError, UsageError
from edgeseal.tflite.graph import read_model, write_model
from edgeseal.tflite.probe import refusal
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

__all__ = ["QuantizedFile", "quantize"]


@dataclass(frozen=True, slots=True)
class QuantizedFile:
    """A file that was written, and how it turned out.

    Attributes:
        source: the float file.
        path: the file.
        recipe: name of the recipe.
        size_bytes_before: of the float file.
        size_bytes: of the file.
        report: what was quantized.
        refusal: why LiteRT cannot prepare it; None if it can.
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
        """Whether LiteRT can prepare it."""
        return self.refusal is None

    def to_json(self) -> dict[str, object]:
        """Return all of it for JSON."""
        return {
            "source": str(self.source),
            "path": str(self.path),
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
        return (
            f"{self.path}: {before / 2**20:.2f} MiB -> {after / 2**20:.2f} MiB "
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
) -> QuantizedFile:
    """Quantize a float model; needs no PyTorch.

    Args:
        source: a float32 model, from any converter.
        recipe: how: a name of :func:`edgeseal.tflite.recipes`, or a file.
        output: file to write.
        calibration: pictures to observe the model on, any number. Default: the bundled
            photographs, where the recipe needs some.
        ranges: use ranges that were saved, and no pictures.
        save_ranges: save what was observed; an interrupted run continues where it was.
        io: what the model takes and gives: ``float32``, ``int8`` or ``uint8``; integers where all
            of it is quantized.
        overwrite: whether to replace the files.
        progress: hears what goes on.

    Raises:
        UsageError: arguments that contradict each other, the recipe or the model.
        ModelError: the source is no float model.
        FileError, ImageError: a file cannot be read or written.
    """
    source, output = Path(source), Path(output)
    saved = None if save_ranges is None else Path(save_ranges)
    chosen, ends = find_recipe(recipe), find_ends(io)
    if chosen.is_float32:
        raise UsageError(
            f"recipe {chosen.name} quantizes nothing; name another, such as dynamic-int8"
        )
    learned = CalibrationSource(calibration, None if ranges is None else Path(ranges), saved)
    learned.check([chosen])
    model = read_model(source)
    check_apart([source, ranges, recipe, *calibration], [output, saved])
    for path in (output, saved):
        if path is not None:
            check_output(path, overwrite=overwrite)
    before_bytes = source.stat().st_size
    try:
        check_fit(model, chosen, ends)
        with learned.opened(model, [chosen], progress) as observed:
            report = quantize_model(model, chosen, calibration=observed, ends=ends)
    except (ModelError, UsageError) as error:
        raise type(error)(f"{source}: {error}") from error
    write_model(model, output, overwrite=overwrite)
    if observed is not None and saved is not None:
        observed.save(saved, overwrite=overwrite)
    size_bytes, reason = output.stat().st_size, refusal(output)
    return QuantizedFile(source, output, chosen.name, before_bytes, size_bytes, report, reason)


def _shares(shares: Sequence[Share]) -> str:
    return ", ".join(f"{part.share:.1%} {part.name}" for part in shares) or "none"
