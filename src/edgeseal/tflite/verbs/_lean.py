"""Writes a model in cheaper operators."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from edgeseal._files import check_apart, check_output
from edgeseal._leftovers import scratch_folder
from edgeseal._progress import SILENT, Progress
from edgeseal.tflite.devices import DeviceSession, Examiner, find_devices
from edgeseal.tflite.graph import read_model, write_model
from edgeseal.tflite.inputs import InputForm, InputOptions
from edgeseal.tflite.probe import Prober, check_meaning
from edgeseal.tflite.repairs import Judge, OnDevice
from edgeseal.tflite.rewrites import LEAN, ModelChange, Rewrite, Sameness, compare_outputs
from edgeseal.tflite.rewrites import lean as make_lean
from edgeseal.tflite.verbs._limits import device_limit_s
from edgeseal.tflite.verbs._shaped import shaped

if TYPE_CHECKING:
    from typing_extensions import Unpack

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
        on_device: what a device makes of the file, if it was rewritten for one.
    """

    source: Path
    output: Path
    size_bytes_before: int
    size_bytes: int | None
    changes: tuple[ModelChange, ...]
    same: Sameness
    on_device: OnDevice | None = None

    @property
    def is_good(self) -> bool:
        """Whether outputs differ by rounding at most, and the device computes the file right."""
        is_right = self.on_device is None or self.on_device.after.is_good
        return self.size_bytes is not None and is_right

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
            "path": None if self.size_bytes is None else str(self.output),
            "size_bytes_before": self.size_bytes_before,
            "size_bytes": self.size_bytes,
            "changes": [change.to_json() for change in self.changes],
            "difference": None if difference is None or math.isinf(difference) else difference,
            "time_ratio": self.same.time_ratio,
            "device_before": self.on_device and self.on_device.before.to_json(),
            "device": self.on_device and self.on_device.after.to_json(),
        }

    def __str__(self) -> str:
        if self.size_bytes is None:
            return f"{self.output}: not written: {self.verdict}"
        before, after = self.size_bytes_before / 2**20, self.size_bytes / 2**20
        done = self.verdict if self.changes else "nothing to rewrite: the file is lean already"
        device = "" if self.on_device is None else f"\n{self.on_device}"
        return f"{self.output}: {before:.2f} MiB -> {after:.2f} MiB\n{done}{device}"


def lean(
    source: str | Path,
    output: str | Path,
    *,
    device: str | None = None,
    seed: int = 0,
    timeout_s: float = 60.0,
    overwrite: bool = False,
    progress: Progress = SILENT,
    **inputs: Unpack[InputOptions],
) -> LeanResult:
    """Write a model in cheaper operators: same function, less time.

    Both files run on the same inputs before it is written, and it is not written if their outputs
    differ by more than rounding.

    Args:
        source: a ``.tflite`` file from any converter, best before it is quantized.
        output: file to write.
        device: take only what this one's verdict gets no worse by, as
            :func:`edgeseal.tflite.check` with ``devices`` finds it: ``gpu``, ``qualcomm:SM8650``
            and so on.
        seed: for the inputs to compare on.
        timeout_s: longest time for one run; ten times that for a device.
        overwrite: whether to replace the file.
        progress: hears what goes on.
        inputs: how pixels are fed, and sizes that the file leaves open; see :class:`InputOptions`.

    Raises:
        UsageError: the output is the source, an input's type is one that cannot be drawn, there is
            no such input, or the device cannot be asked here.
        FileError, ModelError: a file cannot be read or written, or devices cannot compile it.
        ProbeError: the process that loads LiteRT cannot start.
    """
    source, output = Path(source), Path(output)
    form, before = InputForm.of(**inputs), read_model(source)
    check_meaning(before, source)
    asked = None if device is None else find_devices([device])[0]
    check_apart([source], [output])
    check_output(output, overwrite=overwrite)
    with (
        scratch_folder() as folder,
        progress.busy(f"comparing {source.name} before and after") as say,
        shaped(source, before, form) as file,
        Prober(timeout_s=timeout_s) as prober,
    ):
        rewrites, on_device = LEAN, None
        if asked is not None:
            examiner = Examiner(before, file, prober, seed=seed)
            with DeviceSession(asked, timeout_s=device_limit_s(timeout_s)) as session:
                judge = partial(examiner.examine, session=session, one_by_one=False, progress=say)
                rewrites, on_device = _for_device(file, judge)
        model = read_model(file)
        changes = tuple(make_lean(model, rewrites))
        trial = folder / "lean.tflite"
        write_model(model, trial)
        same = compare_outputs((file, before), (trial, model), prober, seed=seed)
    size_bytes = None
    if same.difference is None or same.difference <= _TOLERANCE:
        write_model(model, output, overwrite=overwrite)
        size_bytes = output.stat().st_size
    return LeanResult(source, output, source.stat().st_size, size_bytes, changes, same, on_device)


def _for_device(source: Path, judge: Judge) -> tuple[tuple[Rewrite, ...], OnDevice]:
    """Return the rewrites that a device's verdict gets no worse by, and the verdicts."""
    kept: tuple[Rewrite, ...] = ()
    first = now = judge(read_model(source))
    for rewrite in LEAN:
        draft = read_model(source)
        changes = make_lean(draft, (*kept, rewrite))
        if all(change.rewrite != rewrite.name for change in changes):
            continue
        result = judge(draft)
        if not now.is_better_than(result):
            kept, now = (*kept, rewrite), result
    return kept, OnDevice(first, now)
