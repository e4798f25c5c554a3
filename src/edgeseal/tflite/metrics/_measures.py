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
    with np.errstate(over="ignore", invalid="ignore"):
        power = np.square(reference.astype(np.float64)).mean() if reference.size else math.nan
    return ratio(_squared_error(values, reference), float(power))


def nmse(values: Values, reference: Values) -> float | None:
    """Return the normalized mean squared error: mean squared difference / variance of references.

    A model that always gave the mean would have 1; it is the share of variance left unexplained.
    """
    return ratio(_squared_error(values, reference), _variance(reference, None))


def nmse_img(values: Values, reference: Values) -> float | None:
    """Return NMSE(img): mean squared difference / mean variance of each place over the first axis.

    Args:
        values: [pictures, ...], or other samples instead of pictures.
        reference: the same shape.

    What is the same for every picture carries no message and does not count as signal.
    """
    return ratio(_squared_error(values, reference), _variance(reference, 0))


def sign_agreement(values: Values, reference: Values) -> float | None:
    """Return the share of values that are above zero in both or in neither, 0..1."""
    return float(np.mean((values > 0) == (reference > 0))) if reference.size else None


def largest_difference(values: Values, reference: Values) -> float | None:
    """Return the largest difference, on the scale of the larger of 1 and the largest reference."""
    if not reference.size:
        return None
    wanted = reference.astype(np.float64)
    with np.errstate(invalid="ignore"):
        largest = float(np.abs(values - wanted).max())
    return ratio(largest, max(1.0, float(np.abs(wanted).max())))


def ratio(error: float, scale: float) -> float | None:
    """Return an error by what it is measured against; None where that says nothing."""
    if error == 0:
        return 0.0
    return error / scale if scale > 0 and math.isfinite(error) and math.isfinite(scale) else None


def _squared_error(values: Values, reference: Values) -> float:
    if not reference.size:
        return math.nan
    with np.errstate(over="ignore", invalid="ignore"):
        return float(np.square(values.astype(np.float64) - reference).mean())


def _variance(reference: Values, axis: int | None) -> float:
    if not reference.size:
        return math.nan
    with np.errstate(over="ignore", invalid="ignore"):
        return float(reference.astype(np.float64).var(axis=axis).mean())
