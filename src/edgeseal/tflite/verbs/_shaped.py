"""A file whose inputs were given other sizes or values, for what runs files."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from edgeseal._leftovers import scratch_folder
from edgeseal._progress import SILENT, Progress
from edgeseal.tflite.graph import Model, write_model
from edgeseal.tflite.inputs import InputForm, placeholder_hint

__all__ = ["shaped"]


@contextlib.contextmanager
def shaped(
    path: Path, model: Model, form: InputForm, progress: Progress = SILENT
) -> Iterator[Path]:
    """Let a model have the form of its inputs; yield a file that has it, the model's own if it can.

    Notes sizes that are placeholders still: what fails with them is no fault of the model.

    Raises:
        UsageError, ModelError: as :meth:`InputForm.apply`.
    """
    form.apply(model)
    hint = placeholder_hint(model)
    if hint:
        progress.note(f"{path}: {hint}")
    if form == InputForm():
        yield path
        return
    with scratch_folder() as folder:
        written = folder / path.name
        write_model(model, written)
        yield written
