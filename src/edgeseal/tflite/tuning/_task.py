"""What a model is tried on, and what counts."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from edgeseal.errors import UsageError
from edgeseal.tflite.calibration import CalibrationInputs
from edgeseal.tflite.graph import Model

__all__ = ["Score", "Task", "plain_task"]

Score: TypeAlias = Callable[[NDArray[np.float32]], float]
"""First result of the model for every input, float32 [N, ...] -> 0..1, the more the better."""


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """Inputs, and how good results on them are.

    Attributes:
        metric: what the score is called, such as ``bits read``.
        inputs: for each run an array per input of the main function, in its order.
        score: judges the results on all of ``inputs``; None: one minus the error against the float
            model.
    """

    metric: str
    inputs: Sequence[tuple[NDArray[Any], ...]]
    score: Score | None = None

    def __post_init__(self) -> None:
        """Check that errors can be put into proportion.

        Raises:
            UsageError: there are fewer than two inputs.
        """
        if len(self.inputs) < 2:
            raise UsageError(f"expected two pictures or more to compare on, got {len(self.inputs)}")

    def digest(self) -> str:
        """Return what tells this task from others, as hexadecimal digits."""
        told = hashlib.sha256(self.metric.encode())
        for arrays in self.inputs:
            for array in arrays:
                told.update(np.ascontiguousarray(array).tobytes())
        return told.hexdigest()[:16]


def plain_task(model: Model, inputs: CalibrationInputs) -> Task:
    """Return the task of giving the float model's results, for any model that takes a picture.

    Raises:
        UsageError: there are fewer than two inputs, or the model takes no picture.
        FileError, ImageError: a picture cannot be read.
    """
    arrays = [tuple(inputs.arrays(index, model)) for index in range(len(inputs))]
    return Task("1 - NMSE(img)", arrays)
