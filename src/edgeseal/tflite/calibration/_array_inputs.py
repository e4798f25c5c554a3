"""Files of arrays as what float models are observed on."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseal.pictures import PICTURE_SUFFIXES, list_pictures
from edgeseal.tflite.calibration._calibration_inputs import CalibrationInputs, inputs_from
from edgeseal.tflite.graph import Model
from edgeseal.tflite.inputs import ARRAY_SUFFIXES, are_arrays, read_arrays

__all__ = ["ArrayInputs", "list_inputs", "named_inputs"]


@dataclass(frozen=True, slots=True)
class ArrayInputs(CalibrationInputs):
    """Values that files hold, for models of any inputs.

    Attributes:
        rows: for each run, an array for each input by its name.
    """

    rows: tuple[dict[str, NDArray[Any]], ...] = ()

    def __len__(self) -> int:
        """Return the number of inputs."""
        return len(self.rows)

    def arrays(self, index: int, model: Model) -> list[NDArray[Any]]:
        """Return values for the inputs of a model's main function, in their order."""
        return [self.rows[index][tensor.name] for tensor in model.main.inputs]

    def digest(self, count: int) -> str:
        """Return what tells the first ``count`` inputs from others, as hexadecimal digits.

        It goes by the values: files of the same shapes all have the same size.
        """
        told = hashlib.sha256()
        for row in self.rows[:count]:
            for name, values in row.items():
                told.update(f"{name} {values.dtype} {values.shape}\n".encode())
                told.update(np.ascontiguousarray(values).data)
        return told.hexdigest()


def list_inputs(names: Sequence[str | Path]) -> list[Path]:
    """Return the files of pictures or of arrays that were named, those in folders included.

    Raises:
        FileError: there are none, or a folder or list cannot be read.
    """
    suffixes = (*PICTURE_SUFFIXES, *ARRAY_SUFFIXES)
    return list_pictures(names, suffixes=suffixes, kind="pictures or arrays")


def named_inputs(names: Sequence[str | Path], model: Model) -> CalibrationInputs:
    """Return what was named as inputs of a model: pictures, or files of arrays.

    Raises:
        FileError: there are none, or one cannot be read.
        UsageError: there are pictures and arrays, or an array fits no input.
    """
    files = list_inputs(names)
    if not are_arrays(files):
        return inputs_from(files)
    return ArrayInputs(tuple(files), rows=tuple(read_arrays(files, model)))
