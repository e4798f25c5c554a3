"""How far values are from reference values: the measures that every report names alike.

Each takes two arrays of real numbers of one shape and computes in float64. An error is 0 only where
every value is equal, and None where there is nothing to divide by or a value is not finite.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["largest_difference", "nmse", "nmse_img", "nsr", "ratio", "sign_agreement"]

Values = NDArray[Any]


def nsr(values: Values, reference: Values) -> float | None:
    """Return the noise-to-signal ratio: sum of squared differences / sum of squared references.

    Its negative in decibels is the signal-to-noise ratio (SNR).
    """
    return ratio(_mean_square(values, reference), _mean_square(reference, 0.0))


def nmse(values: Values, reference: Values) -> float | None:
    """Return the normalized mean squared error: mean squared difference / variance of references.

    A model that always gave the mean would have 1; it is the share of variance left unexplained.
    """
    return ratio(_mean_square(values, reference), _variance(reference, None))


def nmse_img(values: Values, reference: Values) -> float | None:
    """Return NMSE(img): mean squared difference / mean variance of each place over the first axis.

    Args:
        values: [pictures, ...], or other samples instead of pictures.
        reference: the same shape.

    What is the same for every picture carries no message and does not count as signal.
    """
    return ratio(_mean_square(values, reference), _variance(reference, 0))


def sign_agreement(values: Values, reference: Values) -> float | None:
    """Return the share of values that are above zero in both or in neither, 0..1."""
    return float(np.mean((values > 0) == (reference > 0))) if reference.size else None


def largest_difference(values: Values, reference: Values) -> float | None:
    """Return the largest difference, on the scale of the larger of 1 and the largest reference."""
    wanted = reference.astype(np.float64)
    with np.errstate(invalid="ignore"):
        largest = np.abs(values - wanted).max(initial=0.0)
    scale = np.abs(wanted).max(initial=1.0)
    return ratio(float(largest), float(scale)) if wanted.size else None


def ratio(error: float, scale: float) -> float | None:
    """Return an error by what it is measured against; None where that says nothing."""
    if error == 0:
        return 0.0
    return error / scale if scale > 0 and math.isfinite(error) and math.isfinite(scale) else None


def _mean_square(values: Values, reference: Values | float) -> float:
    """Return NaN where there are no values, infinity where the sum exceeds double precision."""
    with np.errstate(over="ignore", invalid="ignore"):
        squares = np.square(values.astype(np.float64) - reference)
        return float(squares.mean()) if squares.size else math.nan


def _variance(values: Values, axis: int | None) -> float:
    with np.errstate(over="ignore", invalid="ignore"):
        mean = values.mean(axis, np.float64) if values.size else 0.0
    return _mean_square(values, mean)
