"""What is kept of a tensor's values: a few numbers however many pictures there were."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseal.tflite.calibration._histogram import Histogram

__all__ = ["TensorStatistics"]

_MOMENTUM = 0.9  # of the moving averages, per picture
_MAX_CHANNELS = 16_384  # a longer last dimension is no dimension of channels
_MAX_COUNTED = 1 << 18  # values per picture that go into the histogram

Float = NDArray[np.float32]


class TensorStatistics:
    """Statistics of one tensor.

    Attributes:
        pictures: how many were seen.
        low: smallest value.
        high: largest value.
        average_low: moving average over the pictures of each one's smallest value.
        average_high: the same of the largest.
        channel_low: float32 [channels], smallest value along the last dimension; None where that
            is too long to be channels.
        channel_high: float32 [channels], largest.
        channel_sum: float64 [channels], sum.
        channel_squares: float64 [channels], sum of squares.
        channel_count: values per channel in it.
        histogram: of the values; of evenly spread ones where a picture has very many.
    """

    __slots__ = (
        "average_high",
        "average_low",
        "channel_count",
        "channel_high",
        "channel_low",
        "channel_squares",
        "channel_sum",
        "high",
        "histogram",
        "low",
        "pictures",
    )

    def __init__(self) -> None:
        self.pictures = 0
        self.low = self.average_low = np.inf
        self.high = self.average_high = -np.inf
        self.channel_low: Float | None = None
        self.channel_high: Float | None = None
        self.channel_sum: NDArray[np.float64] = np.zeros(0)
        self.channel_squares: NDArray[np.float64] = np.zeros(0)
        self.channel_count = 0
        self.histogram = Histogram()

    @property
    def channel_mean(self) -> Float | None:
        """Mean of each channel, float32 [channels]; None where there are none."""
        return self._average_over_rows(self.channel_sum)

    @property
    def channel_energy(self) -> Float | None:
        """Mean square of each channel, float32 [channels]; None where there are none."""
        return self._average_over_rows(self.channel_squares)

    def add(self, values: Float) -> None:
        """Take in a picture's values: float32 [..., channels], finite, at least one."""
        low, high = self._add_channels(values)
        self._average(low, high)
        self.low, self.high = min(self.low, low), max(self.high, high)
        self.pictures += 1
        flat = values.reshape(-1)
        step = 1 + flat.size // (_MAX_COUNTED + 1)
        self.histogram.add(flat[::step], (low, high) if step == 1 else None)

    def to_record(self) -> dict[str, Any]:
        """Return what :meth:`from_record` reads."""
        record: dict[str, Any] = {
            "pictures": self.pictures,
            "low": self.low,
            "high": self.high,
            "average_low": self.average_low,
            "average_high": self.average_high,
            "histogram": self.histogram.to_record(),
        }
        if self.channel_low is None or self.channel_high is None:
            return record
        return record | {
            "channel_low": [_short(value) for value in self.channel_low],
            "channel_high": [_short(value) for value in self.channel_high],
            "channel_sum": self.channel_sum.tolist(),
            "channel_squares": self.channel_squares.tolist(),
            "channel_count": self.channel_count,
        }

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> TensorStatistics:
        """Read what :meth:`to_record` wrote.

        Raises:
            KeyError, TypeError, ValueError: it is something else.
        """
        found = cls()
        found.pictures = int(record["pictures"])
        found.low, found.high = float(record["low"]), float(record["high"])
        found.average_low = float(record["average_low"])
        found.average_high = float(record["average_high"])
        found.histogram = Histogram.from_record(record["histogram"])
        if "channel_low" in record:
            found.channel_low = np.asarray(record["channel_low"], np.float32)
            found.channel_high = np.asarray(record["channel_high"], np.float32)
            found.channel_sum = np.asarray(record["channel_sum"], np.float64)
            found.channel_squares = np.asarray(record["channel_squares"], np.float64)
            found.channel_count = int(record["channel_count"])
        if not np.isfinite([found.low, found.high]).all() or found.low > found.high:
            raise ValueError(f"the range {found.low}..{found.high}")
        return found

    def _average_over_rows(self, total: NDArray[np.float64]) -> Float | None:
        if not self.channel_count:
            return None
        mean: Float = (total / self.channel_count).astype(np.float32)
        return mean

    def _average(self, low: float, high: float) -> None:
        if self.pictures == 0:
            self.average_low, self.average_high = low, high
        else:
            self.average_low += (1 - _MOMENTUM) * (low - self.average_low)
            self.average_high += (1 - _MOMENTUM) * (high - self.average_high)

    def _add_channels(self, values: Float) -> tuple[float, float]:
        """Take in what is kept per channel; returns the smallest and the largest value of all."""
        if values.ndim < 2 or values.shape[-1] > _MAX_CHANNELS:
            return float(values.min()), float(values.max())
        rows = values.reshape(-1, values.shape[-1])
        low, high = rows.min(axis=0), rows.max(axis=0)
        total = rows.sum(axis=0, dtype=np.float64)
        squares = np.einsum("ij,ij->j", rows, rows, dtype=np.float64)
        if self.channel_low is None or self.channel_high is None:
            self.channel_low, self.channel_high = low, high
            self.channel_sum, self.channel_squares = total, squares
        else:
            self.channel_low = np.minimum(self.channel_low, low)
            self.channel_high = np.maximum(self.channel_high, high)
            self.channel_sum = self.channel_sum + total
            self.channel_squares = self.channel_squares + squares
        self.channel_count += rows.shape[0]
        return float(low.min()), float(high.max())


def _short(value: np.float32) -> float:
    """Return a float with the fewest digits that is the same float32."""
    return float(str(value))
