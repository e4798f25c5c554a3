"""What came of a reduction, and how to write it."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseal._files import check_output, replacing
from edgeseal.tflite.graph import Model

__all__ = ["Reduction", "Script", "reduction_paths", "write_reduction"]


class Script(enum.Enum):
    """What shows the symptom of the reduced file."""

    PREPARE = "prepare"  # AllocateTensors
    RUN = "run"  # running it
    CHECK = "check"  # LiteRT says nothing; the check does
    FALLBACK = "fallback"  # running it with and without the delegate
    AGAINST = "against"  # running it and its companion
    COMMAND = "command"  # the user's own command


@dataclass(frozen=True, slots=True)
class Reduction:
    """The smallest sub-model that was found to show a symptom.

    Attributes:
        source: the file that it was cut out of.
        content: the ``.tflite`` file.
        model: what it holds.
        companion: the same part of the file that it is compared with, as a file; or None.
        inputs: values that show it, by input names in the model's order; empty where it shows
            without running.
        expression: Python that fills an input of details ``d`` with those values; empty where
            no simple one does, so that the values have to be shipped.
        title: the symptom.
        evidence: what the reduced file shows, in the kernel's words if it has any.
        script: what shows it.
        command: the user's command, or empty.
        operators: how many of them are left, over all functions.
        operators_before: how many the source has.
        kept_weight_bytes: of the source's weights that are still in the file.
        trials: candidates tried.
        is_cut_short: whether a smaller one may exist because trials ran out.
    """

    source: Path
    content: bytes
    model: Model
    companion: bytes | None
    inputs: Mapping[str, NDArray[Any]]
    expression: str
    title: str
    evidence: str
    script: Script
    command: tuple[str, ...]
    operators: int
    operators_before: int
    kept_weight_bytes: int
    trials: int
    is_cut_short: bool

    @property
    def has_input_file(self) -> bool:
        """Whether its inputs are a file beside it."""
        return bool(self.inputs) and not self.expression


def reduction_paths(path: Path) -> dict[str, Path]:
    """Return where the files of a reduction go: ``model``, ``companion`` and ``inputs``."""
    return {
        "model": path,
        "companion": path.with_name(f"{path.stem}_other.tflite"),
        "inputs": path.with_suffix(".npz"),
    }


def write_reduction(reduction: Reduction, path: Path, *, overwrite: bool = False) -> list[Path]:
    """Write the file and, beside it, its companion and inputs if it has any.

    Returns:
        the files written.

    Raises:
        FileError: a file cannot be written, or exists and ``overwrite`` is False; nothing was
            written then.
    """
    paths = reduction_paths(path)
    wanted = [paths["model"]]
    wanted += [paths["companion"]] if reduction.companion is not None else []
    wanted += [paths["inputs"]] if reduction.has_input_file else []
    for output in wanted:
        check_output(output, overwrite=overwrite)
    if reduction.has_input_file:
        with replacing(paths["inputs"], overwrite=overwrite) as temporary:
            np.savez_compressed(temporary, *map(_storable, reduction.inputs.values()))
    if reduction.companion is not None:
        with replacing(paths["companion"], overwrite=overwrite) as temporary:
            temporary.write_bytes(reduction.companion)
    with replacing(path, overwrite=overwrite) as temporary:
        temporary.write_bytes(reduction.content)
    return wanted


def _storable(values: NDArray[Any]) -> NDArray[Any]:
    """Return text as bytes, so that nobody has to unpickle a stranger's file."""
    return values.astype(np.bytes_) if values.dtype == object else values
