"""Statistics: bounded, exact where they claim to be, and the ranges that follow from them."""

from __future__ import annotations

import json

import numpy as np
import pytest

from edgeseal.errors import UsageError
from edgeseal.tflite.calibration import (
    Histogram,
    Method,
    TensorStatistics,
    choose_range,
    clipped_share,
    find_method,
    rounding_error,
)


def pictures(seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [(rng.normal(size=(40, 8)) * scale).astype(np.float32) for scale in (0.1, 1, 30, 3)]


def test_histogram_is_the_same_when_values_come_in_another_order() -> None:
    forth, back = Histogram(), Histogram()
    for values in pictures():
        forth.add(values)
    for values in reversed(pictures()):
        back.add(values)
    assert forth.to_record() == back.to_record()


def test_histogram_agrees_with_numpy_when_it_has_grown() -> None:
    histogram = Histogram()
    for values in pictures():
        histogram.add(values)
    every = np.concatenate(pictures()).ravel()
    expected, _ = np.histogram(every, histogram.edges())
    assert histogram.counts.tolist() == expected.tolist()
    assert 512 < histogram.counts.size <= 2048


@pytest.mark.parametrize("value", [0.0, 1e-30, -7.25, 3e38])
def test_histogram_holds_a_constant_when_nothing_varies(value: float) -> None:
    histogram = Histogram()
    histogram.add(np.full(5, value, np.float32))
    assert histogram.total == 5
    assert histogram.edges()[0] <= np.float32(value) <= histogram.edges()[-1]


def test_statistics_agree_with_numpy_when_streamed() -> None:
    seen = TensorStatistics()
    for values in pictures():
        seen.add(values)
    every = np.concatenate(pictures())
    assert (seen.low, seen.high) == (every.min(), every.max())
    assert np.array_equal(seen.channel_low, every.min(axis=0))
    assert np.array_equal(seen.channel_high, every.max(axis=0))
    assert np.allclose(seen.channel_mean, every.mean(axis=0), atol=1e-6)
    average = every[:40].min()
    for values in pictures()[1:]:
        average += 0.1 * (values.min() - average)
    assert seen.average_low == pytest.approx(average)


def test_statistics_are_the_same_when_written_and_read() -> None:
    seen = TensorStatistics()
    for values in pictures():
        seen.add(values)
    again = TensorStatistics.from_record(json.loads(json.dumps(seen.to_record())))
    assert again.to_record() == seen.to_record()
    assert np.array_equal(again.channel_low, seen.channel_low)


def heavy_tailed() -> tuple[TensorStatistics, np.ndarray]:
    rng = np.random.default_rng(1)
    values = rng.normal(size=(1000, 64)).astype(np.float32)
    values[0, 0], values[1, 1] = 60, -25
    seen = TensorStatistics()
    seen.add(values)
    return seen, values


def measured_error(values: np.ndarray, bounds: tuple[float, float]) -> float:
    low, high = bounds
    step = (high - low) / 255
    rounded = np.rint((values.clip(low, high) - low) / step) * step + low
    return float(np.square(rounded - values).mean())


def test_rounding_error_is_what_rounding_gives_when_measured() -> None:
    seen, values = heavy_tailed()
    for bounds in ((-25.0, 60.0), (-4.0, 4.0), (-2.0, 3.0)):
        expected = measured_error(values, bounds)
        assert rounding_error(seen.histogram, bounds) == pytest.approx(expected, rel=0.1)


def test_mse_beats_every_other_method_when_tails_are_heavy() -> None:
    seen, values = heavy_tailed()
    errors = {method: measured_error(values, choose_range(seen, method)) for method in Method}
    assert min(errors, key=lambda method: errors[method]) is Method.MSE
    assert errors[Method.MSE] < 0.9 * errors[Method.MIN_MAX]


def test_percentile_cuts_the_tails_when_they_are_rare() -> None:
    seen, values = heavy_tailed()
    low, high = choose_range(seen, Method.PERCENTILE)
    assert -25 < low < values.mean() < high < 60
    assert clipped_share(seen.histogram, (low, high)) <= 2e-4


def test_entropy_keeps_the_bulk_when_tails_are_rare() -> None:
    seen, _ = heavy_tailed()
    low, high = choose_range(seen, Method.ENTROPY)
    assert low < -3 and high > 3
    assert high < 60


@pytest.mark.parametrize("method", list(Method))
def test_zero_is_inside_when_all_values_are_positive(method: Method) -> None:
    seen = TensorStatistics()
    seen.add(np.linspace(2, 9, 100, dtype=np.float32))
    low, high = choose_range(seen, method)
    assert low == 0 < high <= 9
    low, high = choose_range(seen, method, symmetric=True)
    assert low == -high


def test_usage_error_lists_methods_when_one_is_unknown() -> None:
    with pytest.raises(UsageError, match=r"min-max, moving-average, percentile, mse, entropy"):
        find_method("median")
