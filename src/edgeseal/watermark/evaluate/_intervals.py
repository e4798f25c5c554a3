"""Intervals and thresholds. The unit that chance draws is always the picture."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgeseal.errors import UsageError
from edgeseal.watermark.runtime import least_matching_bits

__all__ = [
    "CONFIDENCE",
    "ShareEstimate",
    "Threshold",
    "binomial_threshold",
    "bootstrap_difference",
    "bootstrap_mean",
    "calibrated_threshold",
    "exact_proportion",
    "least_pictures",
    "resamples",
]

CONFIDENCE = 0.95
"""Of every interval."""

_RESAMPLES = 2000
_BLOCK = 250  # resamples at a time

Values = NDArray[np.float64]
Draws = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ShareEstimate:
    """A figure with its interval of 95 %.

    Attributes:
        value: of the pictures at hand.
        low: lower end.
        high: upper end.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Threshold:
    """The least number of matching bits that counts as marked.

    Attributes:
        rate: the false-positive rate that was asked for.
        matching_bits: the threshold; one more than the message has if no number is safe.
        is_calibrated: whether unmarked pictures set it, and not the binomial law.
    """

    rate: float
    matching_bits: int
    is_calibrated: bool


def resamples(pictures: int, seed: int) -> Draws:
    """Draw the pictures of each resample once, so that all that is compared shares them.

    Returns:
        int64 [resamples, pictures].
    """
    rng = np.random.default_rng([seed, pictures])
    return rng.integers(0, pictures, (_RESAMPLES, pictures))


def bootstrap_mean(values: Values, draws: Draws) -> ShareEstimate:
    """Return the mean over pictures with its percentile bootstrap interval.

    Args:
        values: float64 [pictures], finite.
        draws: as :func:`resamples` returns them, for as many pictures.
    """
    low, high = _percentiles(_means(values, draws))
    return ShareEstimate(float(values.mean()), low, high)


def bootstrap_difference(
    values: Values, others: Values, draws: Draws, other_draws: Draws | None = None
) -> ShareEstimate:
    """Return the mean of ``values`` minus that of ``others``, with its interval.

    Args:
        values: float64 [pictures].
        others: of the same pictures in the same order, which takes the pictures' own variance out;
            or of other pictures.
        draws: resamples of ``values``.
        other_draws: resamples of ``others`` if they are of other pictures.
    """
    means = _means(values, draws) - _means(others, draws if other_draws is None else other_draws)
    low, high = _percentiles(means)
    return ShareEstimate(float(values.mean() - others.mean()), low, high)


def exact_proportion(successes: float, trials: int) -> ShareEstimate:
    """Return a share with its Clopper-Pearson interval, which holds for 0 and 1 as well.

    Args:
        successes: 0 to ``trials``. A sum of independent values in 0..1 instead of zeros and ones
            is allowed: it varies less than a count of the same mean (Hoeffding, 1956).
        trials: 1 or more.
    """
    from scipy.special import betaincinv

    tail = (1 - CONFIDENCE) / 2
    failures = trials - successes
    low = betaincinv(successes, failures + 1, tail) if successes > 0 else 0.0
    high = betaincinv(successes + 1, failures, 1 - tail) if failures > 0 else 1.0
    return ShareEstimate(successes / trials, float(low), float(high))


def binomial_threshold(bits: int, rate: float) -> Threshold:
    """Return the threshold for bits that are fair and independent on unmarked pictures.

    Args:
        bits: of the message.
        rate: false-positive rate, above 0 and below 1.

    Raises:
        UsageError: the rate is out of range.
    """
    _check_rate(rate)
    return Threshold(rate, least_matching_bits(bits, rate), is_calibrated=False)


def calibrated_threshold(matching: NDArray[np.int64], bits: int, rate: float) -> Threshold | None:
    """Return the threshold that unmarked pictures themselves set.

    It is the smallest m for which (1 + sum of the pictures' rates) / (1 + pictures) <= rate; a
    picture's rate is the share of the messages that it agrees with in m bits or more. The expected
    rate of one more picture of the same kind is then at most ``rate``, whatever the detector does
    (conformal risk control, Angelopoulos et al., 2022).

    Args:
        matching: int64 [pictures, messages], bits of each picture that agree with each message.
        bits: of a message.
        rate: false-positive rate, above 0 and below 1.

    Returns:
        The threshold, or None if there are fewer pictures than :func:`least_pictures`.

    Raises:
        UsageError: the rate is out of range.
    """
    _check_rate(rate)
    pictures = len(matching)
    if pictures < least_pictures(rate):
        return None
    for threshold in range(bits + 2):
        false = float((matching >= threshold).mean(axis=1).sum())
        if (1 + false) / (1 + pictures) <= rate:
            return Threshold(rate, threshold, is_calibrated=True)
    raise AssertionError("no picture agrees in more bits than there are")


def least_pictures(rate: float) -> int:
    """Return how many unmarked pictures can set a threshold for a rate."""
    return math.ceil(1 / rate - 1 - 1e-9)


def _check_rate(rate: float) -> None:
    if not 0 < rate < 1:
        raise UsageError(f"false-positive rate: expected more than 0 and less than 1, got {rate:g}")


def _means(values: Values, draws: Draws) -> Values:
    blocks = [values[draws[i : i + _BLOCK]].mean(axis=1) for i in range(0, len(draws), _BLOCK)]
    return np.concatenate(blocks)


def _percentiles(means: Values) -> tuple[float, float]:
    tail = 100 * (1 - CONFIDENCE) / 2
    low, high = np.percentile(means, (tail, 100 - tail))
    return float(low), float(high)
