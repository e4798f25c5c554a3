"""Candidates for a smaller model: files, and the values to run them on."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseal.tflite.graph import Model, Operator, Tensor, write_model
from edgeseal.tflite.probe import draw
from edgeseal.tflite.reduction._fills import Fill

__all__ = ["CutCandidate", "Values", "Workshop", "drawn_inputs", "open_ends"]

Values = Mapping[Tensor, NDArray[Any]]
"""What tensors of the original model hold in a run."""


@dataclass(frozen=True, slots=True)
class CutCandidate:
    """A model that may show what the original does.

    Attributes:
        path: the file.
        inputs: arrays by the names of its inputs; those that are missing are drawn.
        fill: how ``inputs`` were made, where one expression says it.
        companion: the same part of the file that it is compared with.
    """

    path: Path
    inputs: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    fill: Fill | None = None
    companion: Path | None = None


class Workshop:
    """A folder in which candidates are written, and those that failed are thrown away."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0

    def write(self, model: Model) -> Path:
        """Write a model to a new file.

        Raises:
            ModelError: it cannot be serialized.
            FileError: the folder's disk is full.
        """
        self._count += 1
        path = self._folder / f"candidate{self._count}.tflite"
        write_model(model, path)
        return path

    def rewrite(self, old: CutCandidate, model: Model) -> CutCandidate:
        """Write a changed form of a candidate, with inputs that fit it."""
        path = self.write(model)
        inputs = _cropped(old.inputs, model) if old.fill is None else old.fill.inputs(model)
        return dataclasses.replace(old, path=path, inputs=inputs or {})

    def discard(self, candidate: CutCandidate) -> None:
        """Delete a candidate's files."""
        for path in (candidate.path, candidate.companion):
            with contextlib.suppress(OSError):  # Windows keeps files that are mapped
                if path is not None:
                    path.unlink()


def open_ends(operators: Sequence[Operator]) -> list[Tensor]:
    """Return what operators write and none of them reads."""
    read = {tensor for operator in operators for tensor in operator.inputs}
    return [t for operator in operators for t in operator.outputs if t not in read]


def _cropped(inputs: Mapping[str, NDArray[Any]], model: Model) -> dict[str, NDArray[Any]]:
    """Cut arrays to the sizes of the inputs that they are for."""
    return {
        tensor.name: inputs[tensor.name][tuple(slice(s if s >= 0 else None) for s in tensor.shape)]
        for tensor in model.main.inputs
        if tensor.name in inputs
    }


def drawn_inputs(model: Model, given: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return an array for each input of a model: the given one, or one drawn from its range.

    Inputs of types that arrays cannot hold are left out.
    """
    generator = np.random.default_rng(0)
    arrays = {}
    for tensor in model.main.inputs:
        values = given[tensor.name] if tensor.name in given else draw(tensor, generator)
        if values is not None:
            arrays[tensor.name] = values
    return arrays
