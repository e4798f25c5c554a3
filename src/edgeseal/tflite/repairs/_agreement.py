"""How far the outputs of two models agree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseal.tflite.graph import Part
from edgeseal.tflite.metrics import nmse, sign_agreement

__all__ = ["OutputAgreement", "agreement"]

Outputs = Sequence[NDArray[Any]]


@dataclass(frozen=True, slots=True)
class OutputAgreement:
    """How far outputs agree with expected ones, over all runs.

    Attributes:
        nmse: :func:`~edgeseal.tflite.metrics.nmse` of the worst output, or of the worst part of
            one; None where it has none.
        sign_agreement: share of output values with the expected sign; None where none has one.
        is_identical: whether all values are equal.
        parts: the NMSE of each part of outputs that are joined of several.
    """

    nmse: float | None
    sign_agreement: float | None
    is_identical: bool
    parts: tuple[float | None, ...] = ()


def agreement(
    got: Sequence[Outputs],
    expected: Sequence[Outputs],
    parts: Sequence[Sequence[Part]] = (),
) -> OutputAgreement | None:
    """Compare the outputs of two models on the same runs.

    Args:
        got: for each run an array of real values for each output.
        expected: the same of the other model.
        parts: where the parts of each output are.

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
    of_parts = [nmse(*part) for part in _split(pairs, parts)]
    known = [error for error in (*errors, *of_parts) if error is not None]
    sides = [np.concatenate(side) for side in zip(*numbers, strict=True)]
    return OutputAgreement(
        nmse=max(known, default=None) if None not in errors and numbers else None,
        sign_agreement=sign_agreement(*sides) if sides else None,
        is_identical=all(_is_equal(one, other) for one, other in stacked),
        parts=tuple(of_parts),
    )


def _split(
    pairs: Sequence[Sequence[tuple[NDArray[Any], NDArray[Any]]]], parts: Sequence[Sequence[Part]]
) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
    """Yield both sides of each part of each output, over all runs."""
    for column, places in zip(zip(*pairs, strict=True), parts, strict=False):
        for place in places:
            if all(other.ndim == len(place) and other.dtype.kind in "fiu" for _, other in column):
                sides = zip(*((one[place], other[place]) for one, other in column), strict=True)
                one, other = (np.concatenate([a.reshape(-1) for a in side]) for side in sides)
                yield one, other


def _is_equal(one: NDArray[Any], other: NDArray[Any]) -> bool:
    return np.array_equal(one, other, equal_nan=other.dtype.kind == "f")
