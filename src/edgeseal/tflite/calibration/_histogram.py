"""A histogram whose range grows with the values, independent of their order."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["MAX_BINS", "Histogram"]

MAX_BINS = 2048
_FINEST = -120  # exponent of the narrowest bin: what is closer together counts as equal
_DIGITS = 24  # of a float32: bins finer than that would tell nothing apart

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]


class Histogram:
    """Counts of values in bins of equal width.

    Bin ``i`` holds ``(first + i) * width <= value < (first + i + 1) * width``, and the width is a
    power of two, the smallest for which all values fit into :data:`MAX_BINS` bins. So growing only
    ever joins neighbours, no count is split, and the result does not depend on the order in which
    values came.

    Attributes:
        exponent: the width is 2 ** exponent.
        first: number of the first bin.
        counts: int64 [bins].
    """

    __slots__ = ("counts", "exponent", "first")

    def __init__(
        self, exponent: int = _FINEST, first: int = 0, counts: Counts | None = None
    ) -> None:
        self.exponent = exponent
        self.first = first
        self.counts = np.zeros(0, np.int64) if counts is None else counts

    @property
    def width(self) -> float:
        """Width of a bin."""
        return math.ldexp(1.0, self.exponent)

    @property
    def total(self) -> int:
        """Number of values."""
        return int(self.counts.sum())

    def edges(self) -> Floats:
        """Return the bins' bounds, float64 [bins + 1]."""
        numbers: Floats = self.first + np.arange(self.counts.size + 1, dtype=np.float64)
        return numbers * self.width

    def centers(self) -> Floats:
        """Return the middle of each bin, float64 [bins]."""
        numbers: Floats = self.first + 0.5 + np.arange(self.counts.size, dtype=np.float64)
        return numbers * self.width

    def add(self, values: NDArray[np.float32], bounds: tuple[float, float] | None = None) -> None:
        """Count values: float32, any shape, finite; ``bounds`` are their least and largest."""
        if values.size == 0:
            return
        flat = values.reshape(-1)
        low, high = (float(flat.min()), float(flat.max())) if bounds is None else bounds
        self._make_room(low, high)
        numbers = flat / np.float32(self.width)
        np.floor(numbers, out=numbers)
        if low < 0 and self.exponent > 0:  # the quotient of a tiny value is 0, without its sign
            numbers[(numbers == 0) & (flat < 0)] = -1
        bins = numbers.astype(np.int64)
        bins -= self.first
        self.counts += np.bincount(bins, minlength=self.counts.size)

    def to_record(self) -> dict[str, Any]:
        """Return what :meth:`from_record` reads."""
        return {"exponent": self.exponent, "first": self.first, "counts": self.counts.tolist()}

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Histogram:
        """Read what :meth:`to_record` wrote."""
        counts = np.asarray(record["counts"], np.int64)
        return cls(int(record["exponent"]), int(record["first"]), counts)

    def _make_room(self, low: float, high: float) -> None:
        """Widen bins, then the range, until ``low`` and ``high`` are in it."""
        largest = max(abs(low), abs(high))
        finest = max(_FINEST, math.frexp(largest)[1] - _DIGITS) if largest else _FINEST
        while self.exponent < finest:
            self._join_neighbours()
        while True:
            first, last = self._bin(low), self._bin(high)
            if self.counts.size:
                first = min(first, self.first)
                last = max(last, self.first + self.counts.size - 1)
            if last - first < MAX_BINS:
                break
            self._join_neighbours()
        grown = np.zeros(last - first + 1, np.int64)
        start = self.first - first if self.counts.size else 0
        grown[start : start + self.counts.size] = self.counts
        self.first, self.counts = first, grown

    def _bin(self, value: float) -> int:
        return math.floor(math.ldexp(value, -self.exponent))

    def _join_neighbours(self) -> None:
        if self.counts.size:
            odd_start = self.first % 2
            odd_end = (self.first + self.counts.size) % 2
            padded = np.pad(self.counts, (odd_start, odd_end))
            self.counts = padded.reshape(-1, 2).sum(axis=1)
            self.first = (self.first - odd_start) // 2
        self.exponent += 1
