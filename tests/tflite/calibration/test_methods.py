"""Ranges against brute force, numpy's quantiles and scipy's entropy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from edgeseal.tflite.calibration import (
    Histogram,
    Method,
    TensorStatistics,
    choose_range,
    clipped_share,
    find_method,
    rounding_error,
)
from edgeseal.tflite.calibration._methods import _divergence

TAIL = 5e-5


def seen(*pictures: np.ndarray) -> TensorStatistics:
    found = TensorStatistics()
    for values in pictures:
        found.add(values.astype(np.float32))
    return found


def draw(name: str, size: int = 41_000) -> np.ndarray:
    rng = np.random.default_rng(7)
    shapes = {
        "normal": lambda: rng.normal(size=size),
        "laplace": lambda: rng.laplace(size=size),
        "relu": lambda: np.maximum(rng.normal(size=size), 0),
        "negative": lambda: -rng.gamma(2.0, size=size),
        "two humps": lambda: np.concatenate(
            [rng.normal(-5, 0.3, size // 2), rng.normal(2, 0.1, size // 2)]
        ),
    }
    return shapes[name]().astype(np.float32)


SHAPES = ["normal", "laplace", "relu", "negative", "two humps"]


@pytest.mark.parametrize("shape", SHAPES)
def test_percentile_is_numpys_quantile_when_values_are_many(shape: str) -> None:
    values = draw(shape)
    statistics = seen(values)
    low, high = choose_range(statistics, Method.PERCENTILE)
    width = statistics.histogram.width
    expected = np.quantile(values, [TAIL, 1 - TAIL], method="inverted_cdf")
    assert low == pytest.approx(min(0.0, expected[0]), abs=2 * width)
    assert high == pytest.approx(max(0.0, expected[1]), abs=2 * width)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("levels", [16, 256])
def test_mse_range_is_nearly_as_good_as_any_when_all_are_tried(shape: str, levels: int) -> None:
    values = draw(shape, 4000)
    statistics = seen(values)
    chosen = choose_range(statistics, Method.MSE, levels=levels)
    least = min(
        rounding_error(statistics.histogram, (low * statistics.low, high * statistics.high), levels)
        for low in np.linspace(0.05, 1, 60)
        for high in np.linspace(0.05, 1, 60)
        if min(low * statistics.low, 0) < max(high * statistics.high, 0)
    )
    assert rounding_error(statistics.histogram, chosen, levels) <= 1.05 * least


@pytest.mark.parametrize("method", [Method.MSE, Method.ENTROPY, Method.PERCENTILE])
@pytest.mark.parametrize("shape", SHAPES)
def test_range_never_leaves_what_was_seen_when_a_method_clips(method: Method, shape: str) -> None:
    statistics = seen(draw(shape, 3000))
    low, high = choose_range(statistics, method)
    assert min(0.0, statistics.low) <= low <= 0 <= high <= max(0.0, statistics.high)
    assert low < high


def test_fewer_levels_clip_more_when_error_is_weighed() -> None:
    statistics = seen(draw("laplace"))
    spans = [
        high - low
        for low, high in (
            choose_range(statistics, Method.MSE, levels=levels) for levels in (8, 32, 256, 4096)
        )
    ]
    assert spans == sorted(spans)
    assert spans[0] < 0.6 * spans[-1]


@pytest.mark.parametrize("method", [m for m in Method if m is not Method.ENTROPY])
@pytest.mark.parametrize("shape", SHAPES)
def test_range_mirrors_when_values_are_mirrored(method: Method, shape: str) -> None:
    """Not so of entropy, for which several ranges may be as good."""
    values = draw(shape, 3000)
    low, high = choose_range(seen(values), method)
    mirrored = choose_range(seen(-values), method)
    # the search goes from the lower end to the upper: equal but for a few steps of it
    reach = 0.06 * (high - low) if method is Method.MSE else 2 * seen(values).histogram.width
    assert mirrored == pytest.approx((-high, -low), abs=reach)


@given(
    st.lists(st.floats(-1e4, 1e4, width=32), min_size=1, max_size=30),
    st.sampled_from(list(Method)),
    st.booleans(),
)
@settings(max_examples=30)
def test_zero_can_be_represented_when_values_are_arbitrary(
    values: list[float], method: Method, symmetric: bool
) -> None:
    low, high = choose_range(seen(np.array(values)), method, symmetric=symmetric)
    assert low <= 0 <= high
    assert np.isfinite([low, high]).all()
    if symmetric:
        assert low == -high


@pytest.mark.parametrize("method", list(Method))
def test_range_is_a_point_when_all_values_are_zero(method: Method) -> None:
    assert choose_range(seen(np.zeros(9)), method) == (0, 0)


def test_moving_average_follows_the_pictures_when_one_is_an_outlier() -> None:
    ordinary, odd = np.linspace(-1, 1, 50), np.linspace(-100, 50, 50)
    low, high = choose_range(seen(*[ordinary] * 5, odd), Method.MOVING_AVERAGE)
    assert low == pytest.approx(0.9 * -1 + 0.1 * -100)
    assert high == pytest.approx(0.9 * 1 + 0.1 * 50)
    assert choose_range(seen(*[ordinary] * 5, odd), Method.MIN_MAX) == (-100, 50)


@pytest.mark.parametrize("levels", [4, 16, 256])
def test_rounding_error_falls_with_the_square_of_the_levels_when_nothing_is_clipped(
    levels: int,
) -> None:
    values = np.random.default_rng(0).uniform(-1, 1, 20_000)
    histogram = seen(values).histogram
    step = 2 / (levels - 1)
    rounded = np.rint((values + 1) / step) * step - 1
    expected = float(np.square(rounded - values).mean())
    assert rounding_error(histogram, (-1, 1), levels) == pytest.approx(expected, rel=0.05)


def test_rounding_error_counts_what_is_clipped_when_the_range_is_small() -> None:
    histogram = Histogram()
    histogram.add(np.array([10.0] * 3 + [0.0], np.float32))
    step = 1 / 255
    error = rounding_error(histogram, (0.0, 1.0))
    assert error == pytest.approx((3 * 81 + step**2 / 12) / 4, rel=1e-2)


def test_error_and_share_are_zero_when_nothing_was_counted() -> None:
    assert rounding_error(Histogram(), (-1, 1)) == 0
    assert clipped_share(Histogram(), (-1, 1)) == 0


@pytest.mark.parametrize("bounds", [(-1.0, 1.0), (-0.3, 2.0), (0.0, 0.0), (-9.0, 9.0)])
def test_clipped_share_is_numpys_when_counted(bounds: tuple[float, float]) -> None:
    values = draw("normal")
    histogram = seen(values).histogram
    share = clipped_share(histogram, bounds)
    outside = float(((values < bounds[0]) | (values > bounds[1])).mean())
    near = histogram.width  # values in the bins on the border may count or not
    border = sum(float((np.abs(values - bound) <= near).mean()) for bound in bounds)
    assert outside - border <= share <= outside


def test_divergence_is_scipys_when_cells_hold_several_bins() -> None:
    rng = np.random.default_rng(3)
    counts = rng.integers(1, 50, 64)
    histogram = Histogram(0, 0, counts)  # bins 0..1, 1..2, ... 63..64
    cells = counts.reshape(16, 4)
    spread = np.repeat(cells.sum(axis=1) / 4, 4)
    expected = stats.entropy(counts, spread)
    assert _divergence(histogram, (0.0, 64.0), 16) == pytest.approx(expected)


def test_divergence_counts_clipped_values_at_the_ends_when_scipy_does() -> None:
    counts = np.random.default_rng(4).integers(1, 50, 64)
    histogram = Histogram(0, -32, counts)
    inner = counts[16:48]
    clipped = inner.astype(float)
    clipped[0] += counts[:16].sum()
    clipped[-1] += counts[48:].sum()
    spread = np.repeat(inner.reshape(8, 4).sum(axis=1) / 4, 4)
    expected = stats.entropy(clipped, spread)
    assert _divergence(histogram, (-16.0, 16.0), 8) == pytest.approx(expected)


def test_divergence_is_nothing_when_there_is_a_level_for_every_bin() -> None:
    counts = np.random.default_rng(5).integers(0, 9, 32)
    assert _divergence(Histogram(0, 0, counts), (0.0, 32.0), 32) == pytest.approx(0)


@pytest.mark.parametrize("bounds", [(1.0, 1.0), (2.0, 1.0), (100.0, 101.0)])
def test_divergence_is_infinite_when_a_range_holds_no_value(bounds: tuple[float, float]) -> None:
    assert _divergence(Histogram(0, 0, np.ones(8, np.int64)), bounds, 16) == np.inf


@pytest.mark.parametrize("method", list(Method))
def test_method_is_found_when_named(method: Method) -> None:
    assert find_method(method.value) is method
