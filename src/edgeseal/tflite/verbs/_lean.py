"""Writes a model in cheaper operators."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from edgeseal._files import check_apart, check_output
from edgeseal._leftovers import scratch_folder
from edgeseal._progress import SILENT, Progress
from edgeseal.tflite.graph import read_model, write_model
from edgeseal.tflite.probe import Prober
from edgeseal.tflite.rewrites import ModelChange, Sameness, compare_outputs
from edgeseal.tflite.rewrites import lean as make_lean

__all__ = ["LeanResult", "lean"]

_TOLERANCE = 1e-4  # on the scale of the largest output


@dataclass(frozen=True, slots=True)
class LeanResult:
    """A model in cheaper operators, and how it compares with the one before.

    Attributes:
        source: the file that was rewritten.
        output: where it was to go; it is not written where the result is not good.
        size_bytes_before: of the source.
        size_bytes: of the file; None where it was not written.
        changes: what was rewritten.
        same: how outputs and time compare.
    """

    source: Path
    output: Path
    size_bytes_before: int
    size_bytes: int | None
    changes: tuple[ModelChange, ...]
    same: Sameness

    @property
    def is_good(self) -> bool:
        """Whether outputs differ by rounding at most, and the file was written."""
        return self.size_bytes is not None

    @property
    def verdict(self) -> str:
        """How the outputs compare, in words."""
        same = self.same
        if same.difference is None:
            return "outputs not compared: the file does not run as it is; see `edgeseal check`"
        if math.isinf(same.difference):
            return "the rewritten file does not run, or gives values that are not finite"
        time = "" if same.time_ratio is None else f"; {same.time_ratio:.2f} of the time"
        return f"outputs differ by {same.difference:.1e} of the largest{time}"

    def to_json(self) -> dict[str, object]:
        """Return all of it for JSON."""
        difference = self.same.difference
        return {
            "source": str(self.source),
            "path": str(self.output) if self.is_good else None,
            "size_bytes_before": self.size_bytes_before,
            "size_bytes": self.size_bytes,
            "changes": [change.to_json() for change in self.changes],
            "difference": None if difference is None or math.isinf(difference) else difference,
            "time_ratio": self.same.time_ratio,
        }

    def __str__(self) -> str:
        if self.size_bytes is None:
            return f"{self.output}: not written: {self.verdict}"
        before, after = self.size_bytes_before / 2**20, self.size_bytes / 2**20
        done = self.verdict if self.changes else "nothing to rewrite: the file is lean already"
        return f"{self.output}: {before:.2f} MiB -> {after:.2f} MiB\n{done}"


def lean(
    source: str | Path,
    output: str | Path,
    *,
    seed: int = 0,
    timeout_s: float = 60.0,
    overwrite: bool = False,
    progress: Progress = SILENT,
) -> LeanResult:
    """Write a model in cheaper operators: same function, less time.

    Both files run on the same inputs before it is written, and it is not written if their outputs
    differ by more than rounding.

    Args:
        source: a ``.tflite`` file from any converter, best before it is quantized.
        output: file to write.
        seed: for the inputs to compare on.
        timeout_s: longest time for one run.
        overwrite: whether to replace the file.
        progress: hears what goes on.

    Raises:
        UsageError: the output is the source, or an input's type is one that cannot be drawn.
        FileError, ModelError: a file cannot be read or written.
        ProbeError: the process that loads LiteRT cannot start.
    """
    source, output = Path(source), Path(output)
    before, model = read_model(source), read_model(source)
    check_apart([source], [output])
    check_output(output, overwrite=overwrite)
    changes = tuple(make_lean(model))
    with (
        scratch_folder() as folder,
        progress.busy(f"comparing {source.name} before and after"),
        Prober(timeout_s=timeout_s) as prober,
    ):
        trial = folder / "lean.tflite"
        write_model(model, trial)
        same = compare_outputs((source, before), (trial, model), prober, seed=seed)
    size_bytes = None
    if same.difference is None or same.difference <= _TOLERANCE:
        write_model(model, output, overwrite=overwrite)
        size_bytes = output.stat().st_size
    return LeanResult(source, output, source.stat().st_size, size_bytes, changes, same)
