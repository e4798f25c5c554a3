"""From statistics to the range that integers are to cover."""

from __future__ import annotations

import enum
import math
from collections.abc import Callable

import numpy as np

from edgeseal.errors import UsageError
from edgeseal.tflite.calibration._histogram import Histogram
from edgeseal.tflite.calibration._tensor_statistics import TensorStatistics

__all__ = ["Method", "choose_range", "clipped_share", "find_method", "rounding_error"]

Range = tuple[float, float]
_Error = Callable[[Histogram, Range, int], float]
_TAIL = 5e-5  # of the values, on either side, that PERCENTILE leaves out
_STEPS = 64  # candidates of the searching methods, each end


class Method(enum.Enum):
    """How a range is chosen."""

    MIN_MAX = "min-max"
    MOVING_AVERAGE = "moving-average"
    PERCENTILE = "percentile"
    MSE = "mse"
    ENTROPY = "entropy"


def find_method(name: str) -> Method:
    """Return a method by name.

    Raises:
        UsageError: there is no such method; lists those there are.
    """
    try:
        return Method(name)
    except ValueError as error:
        known = ", ".join(method.value for method in Method)
        raise UsageError(f"unknown calibration method {name!r}; known methods: {known}") from error


def choose_range(
    statistics: TensorStatistics, method: Method, *, levels: int = 256, symmetric: bool = False
) -> Range:
    """Return the smallest and largest value to represent; 0 is always among them.

    Args:
        statistics: of the tensor.
        method: how to choose.
        levels: number of integers that will stand for the range.
        symmetric: whether the range is to reach equally far to either side of 0.

    The searching methods (``MSE``, ``ENTROPY``) look among ranges that cut off some of the
    observed one; their error counts both rounding and clipping.
    """
    full = _widened(statistics.low, statistics.high, symmetric)
    histogram = statistics.histogram
    if method is Method.MIN_MAX or full[0] == full[1] or histogram.total == 0:
        return full
    if method is Method.MOVING_AVERAGE:
        return _widened(statistics.average_low, statistics.average_high, symmetric)
    if method is Method.PERCENTILE:
        return _widened(*_percentiles(histogram, full), symmetric)
    error = rounding_error if method is Method.MSE else _divergence
    return _search(histogram, full, levels, symmetric, error)


def rounding_error(histogram: Histogram, bounds: Range, levels: int = 256) -> float:
    """Return the mean squared error of values rounded to a grid and clipped to its ends.

    Args:
        histogram: of the values.
        bounds: what the first and the last point of the grid stand for.
        levels: points of the grid.
    """
    low, high = bounds
    step = (high - low) / (levels - 1)
    centers, counts = histogram.centers(), histogram.counts
    beyond = np.maximum(np.maximum(low - centers, centers - high), 0)
    inside = step * step / 12
    per_bin = np.where(beyond > 0, np.square(beyond), inside)
    return float(counts @ per_bin / max(1, counts.sum()))


def clipped_share(histogram: Histogram, bounds: Range) -> float:
    """Return the share of values in bins that lie wholly outside of a range, 0..1."""
    edges = histogram.edges()
    outside = (edges[1:] < bounds[0]) | (edges[:-1] > bounds[1])
    return float(histogram.counts[outside].sum() / max(1, histogram.total))


def _widened(low: float, high: float, symmetric: bool) -> Range:
    low, high = min(low, 0.0), max(high, 0.0)
    if symmetric:
        high = max(-low, high)
        low = -high
    return low, high


def _percentiles(histogram: Histogram, full: Range) -> Range:
    share = np.cumsum(histogram.counts) / histogram.total
    edges = histogram.edges()
    low = edges[int(np.searchsorted(share, _TAIL, side="right"))]
    high = edges[int(np.searchsorted(share, 1 - _TAIL)) + 1]
    return max(float(low), full[0]), min(float(high), full[1])


def _search(
    histogram: Histogram, full: Range, levels: int, symmetric: bool, error: _Error
) -> Range:
    """Shrink the two ends in turn as long as that helps."""
    best, least = full, error(histogram, full, levels)
    shares = np.linspace(1, 0.05, _STEPS)
    sides = ("both",) if symmetric else ("both", "low", "high", "low", "high")
    for side in sides:
        start = best
        for share in shares:
            low = start[0] * float(share) if side != "high" else start[0]
            high = start[1] * float(share) if side != "low" else start[1]
            found = error(histogram, (low, high), levels)
            if found < least:
                best, least = (low, high), found
    return best


def _divergence(histogram: Histogram, bounds: Range, levels: int) -> float:
    """Return the Kullback-Leibler divergence of the values from what the grid makes of them.

    The distribution is that of the bins, with what is clipped counted at the ends; the grid
    spreads the weight of each of its cells evenly over the bins in use there.
    """
    low, high = bounds
    if high <= low:
        return math.inf
    centers = histogram.centers()
    counts = histogram.counts.astype(np.float64)
    inside = (centers >= low) & (centers <= high)
    if not inside.any():
        return math.inf
    first, last = int(np.argmax(inside)), int(inside.size - np.argmax(inside[::-1]))
    clipped = counts[first:last].copy()
    clipped[0] += counts[:first].sum()
    clipped[-1] += counts[last:].sum()
    cells = ((centers[first:last] - low) / (high - low) * levels).astype(np.int64)
    cells = cells.clip(0, levels - 1)
    weight = np.bincount(cells, counts[first:last], minlength=levels)
    used = np.bincount(cells, counts[first:last] > 0, minlength=levels)
    spread = np.where(counts[first:last] > 0, weight[cells] / np.maximum(used[cells], 1), 0)
    p, q = clipped / clipped.sum(), spread / max(spread.sum(), 1e-300)
    seen = p > 0
    return float(np.sum(p[seen] * np.log(p[seen] / np.maximum(q[seen], 1e-12))))
