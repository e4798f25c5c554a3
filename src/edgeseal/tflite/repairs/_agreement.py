"""How far the outputs of two models agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseal.tflite.metrics import nmse, sign_agreement

__all__ = ["OutputAgreement", "agreement"]

Outputs = Sequence[NDArray[Any]]


@dataclass(frozen=True, slots=True)
class OutputAgreement:
    """How far outputs agree with expected ones, over all runs.

    Attributes:
        nmse: :func:`~edgeseal.tflite.metrics.nmse` of the worst output; None where it has none.
        sign_agreement: share of output values with the expected sign; None where none has one.
        is_identical: whether all values are equal.
    """

    nmse: float | None
    sign_agreement: float | None
    is_identical: bool


def agreement(got: Sequence[Outputs], expected: Sequence[Outputs]) -> OutputAgreement | None:
    """Compare the outputs of two models on the same runs.

    Args:
        got: for each run an array of real values for each output.
        expected: the same of the other model.

    Returns:
        None where outputs cannot be compared: there are none, or their shapes differ.
    """
    pairs = [list(zip(ours, its, strict=False)) for ours, its in zip(got, expected, strict=False)]
    arrays = [pair for run in pairs for pair in run]
    if not arrays or any(one.shape != other.shape for one, other in arrays):
        return None
    stacked = [
        [np.concatenate([side[i].reshape(-1) for side in column]) for i in (0, 1)]
        for column in zip(*pairs, strict=True)
    ]
    numbers = [(one, other) for one, other in stacked if other.dtype.kind in "fiu"]
    errors = [nmse(one, other) for one, other in numbers]
    known = [error for error in errors if error is not None]
    sides = [np.concatenate(side) for side in zip(*numbers, strict=True)]
    return OutputAgreement(
        nmse=max(known, default=None) if len(known) == len(stacked) else None,
        sign_agreement=sign_agreement(*sides) if sides else None,
        is_identical=all(_is_equal(one, other) for one, other in stacked),
    )


def _is_equal(one: NDArray[Any], other: NDArray[Any]) -> bool:
    return np.array_equal(one, other, equal_nan=other.dtype.kind == "f")
