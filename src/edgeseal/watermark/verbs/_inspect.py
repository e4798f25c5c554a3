"""Shows what is in a file, and what it says about itself if it is one of ours."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgeseal._progress import SILENT, Progress
from edgeseal.errors import ModelError
from edgeseal.tflite.verbs._inspect import Inspection
from edgeseal.tflite.verbs._inspect import inspect as inspect_file
from edgeseal.watermark.runtime import ModelInfo, has_info, read_info

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from edgeseal.tflite.inputs import InputOptions

__all__ = ["InspectedModel", "inspect"]


@dataclass(frozen=True, slots=True)
class InspectedModel:
    """What is in a file.

    Attributes:
        inspection: as for any file.
        info: what it says about itself; None where it says nothing, or nothing that is true.
    """

    inspection: Inspection
    info: ModelInfo | None

    @property
    def is_good(self) -> bool:
        """Always: a file that cannot be read is an error."""
        return self.inspection.is_good

    def to_json(self) -> dict[str, object]:
        """Return all of it for JSON."""
        info = self.info
        description = None if info is None else json.loads(info.to_json())
        return {**self.inspection.to_json(), "description": description}

    def describe(self) -> Iterator[str]:
        """Yield what it says about itself, in lines."""
        info = self.info
        if info is None:
            yield "not described by edgeseal"
            return
        side = info.image_size
        yield f"{info.card}, {info.part}, recipe {info.recipe}, {info.bits} bits, {side} x {side}"
        if info.random_seed is None:
            yield f"checkpoint {info.checkpoint}, SHA-256 {info.checkpoint_sha256}"
        else:
            yield f"random weights, seed {info.random_seed}"
        yield "made with " + ", ".join(f"{k} {v}" for k, v in sorted(info.tools.items()))

    def __str__(self) -> str:
        return "\n".join([str(self.inspection), *self.describe()])


def inspect(
    path: str | Path,
    *,
    list_operators: bool = False,
    html: str | Path | None = None,
    with_check: bool = True,
    float_model: str | Path | None = None,
    with_time: bool = False,
    overwrite: bool = False,
    progress: Progress = SILENT,
    **inputs: Unpack[InputOptions],
) -> InspectedModel:
    """Show what is in a ``.tflite`` file, as :func:`edgeseal.tflite.inspect` does.

    Raises:
        UsageError, FileError, ModelError, MissingExtraError, ProbeError: as there.
    """
    found = inspect_file(
        path,
        list_operators=list_operators,
        html=html,
        with_check=with_check,
        float_model=float_model,
        with_time=with_time,
        overwrite=overwrite,
        progress=progress,
        **inputs,
    )
    info = None
    if has_info(found.model):
        try:
            info = read_info(found.model, source=str(path))
        except ModelError as failure:  # damaged; the rest of the file is worth seeing
            progress.note(f"warning: {failure}")
    return InspectedModel(found, info)
