"""Quantizes a float file, and makes sure that an embedder draws the same watermark after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgeseal._progress import SILENT, Progress
from edgeseal.tflite.verbs._quantize import QuantizedFile
from edgeseal.tflite.verbs._quantize import quantize as quantize_file
from edgeseal.watermark.evaluate import watermark_error_db, watermark_problem

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from edgeseal.tflite.inputs import InputOptions

__all__ = ["QuantizedModel", "quantize"]


@dataclass(frozen=True, slots=True)
class QuantizedModel:
    """A file that was written, and how it turned out.

    Attributes:
        file: the file.
        watermark_error_db: of an embedder; None for others, and where the watermark is the same.
    """

    file: QuantizedFile
    watermark_error_db: float | None

    @property
    def is_good(self) -> bool:
        """Whether LiteRT can prepare it, and it draws the same watermark if it is an embedder."""
        return self.file.is_good and watermark_problem(self.watermark_error_db) is None

    def notes(self) -> list[str]:
        """Return what went otherwise than one may think."""
        notes = list(self.file.report.notes)
        if self.file.refusal is not None:
            notes.append(f"not written: LiteRT refuses this model: {self.file.refusal}")
        problem = watermark_problem(self.watermark_error_db)
        if problem is not None:
            notes.append(problem)
        return [f"{self.file.path}: {line}" for line in notes]

    def to_json(self) -> dict[str, object]:
        """Return all of it for JSON."""
        return {**self.file.to_json(), "watermark_error_db": self.watermark_error_db}

    def __str__(self) -> str:
        error_db = self.watermark_error_db
        mark = "" if error_db is None else f"\nwatermark error: {error_db:.1f} dB"
        return f"{self.file}{mark}"


def quantize(
    source: str | Path,
    recipe: str,
    output: str | Path,
    *,
    calibration: Sequence[str | Path] = (),
    ranges: str | Path | None = None,
    save_ranges: str | Path | None = None,
    io: str = "float32",
    overwrite: bool = False,
    progress: Progress = SILENT,
    **inputs: Unpack[InputOptions],
) -> QuantizedModel:
    """Quantize a float model, as :func:`edgeseal.tflite.quantize` does.

    The watermark of an embedder is compared with the float model's on bundled photographs.

    Raises:
        UsageError, ModelError, FileError, ImageError: as there.
    """
    written = quantize_file(
        source,
        recipe,
        output,
        calibration=calibration,
        ranges=ranges,
        save_ranges=save_ranges,
        io=io,
        overwrite=overwrite,
        progress=progress,
        **inputs,
    )
    error_db = watermark_error_db(written.source, written.path) if written.is_good else None
    return QuantizedModel(written, error_db)
