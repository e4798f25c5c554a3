"""The histogram against numpy's, whatever values come and in whatever order."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeseal.tflite.calibration import Histogram
from edgeseal.tflite.calibration._histogram import MAX_BINS

FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)
MODERATE = st.floats(-1e6, 1e6, width=32)


def histogram_of(*batches: list[float]) -> Histogram:
    histogram = Histogram()
    for batch in batches:
        histogram.add(np.array(batch, np.float32))
    return histogram


@given(st.lists(FLOATS, min_size=1, max_size=60))
@settings(max_examples=60)
def test_every_value_is_in_its_bin_when_values_are_arbitrary(values: list[float]) -> None:
    histogram = histogram_of(values)
    exact = np.array(values, np.float32).astype(np.float64)
    expected, _ = np.histogram(exact, histogram.edges())
    # numpy takes a value at the last edge into the last bin; ours never has one there
    assert exact.max() < histogram.edges()[-1]
    assert histogram.counts.tolist() == expected.tolist()
    assert histogram.total == len(values)


@given(st.lists(MODERATE, min_size=2, max_size=40), st.data())
@settings(max_examples=60)
def test_counts_are_the_same_when_values_are_split_and_shuffled(
    values: list[float], data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(values))
    cut = data.draw(st.integers(1, len(values) - 1))
    split = histogram_of(shuffled[:cut], shuffled[cut:])
    whole = histogram_of(values)
    assert split.to_record() == whole.to_record()


@given(st.lists(FLOATS, min_size=1, max_size=40))
@settings(max_examples=60)
def test_bins_are_the_finest_that_fit_when_values_spread(values: list[float]) -> None:
    histogram = histogram_of(values)
    assert 1 <= histogram.counts.size <= MAX_BINS
    finer = math.ldexp(histogram.width, -1)
    low, high = min(values), max(values)
    needed = math.floor(high / finer) - math.floor(low / finer) + 1
    largest = max(abs(low), abs(high))
    finest = max(-120, math.frexp(largest)[1] - 24) if largest else -120  # float32 has 24 digits
    assert needed > MAX_BINS or histogram.exponent == finest


@pytest.mark.parametrize("values", [[-2049.0, -1e-45], [2049.0, -1e-45], [-3e38, -1e-30, 0.0]])
def test_tiny_value_keeps_its_sign_when_bins_are_wide(values: list[float]) -> None:
    """Its quotient by the width is 0 in float32, which is the first bin above."""
    histogram = histogram_of(values)
    assert histogram.total == len(values)
    below = histogram.counts[histogram.edges()[:-1] < 0].sum()
    assert below == sum(value < 0 for value in values)


def test_nothing_changes_when_no_values_are_added() -> None:
    histogram = histogram_of([1.0, 2.0])
    before = histogram.to_record()
    histogram.add(np.zeros((3, 0), np.float32))
    assert histogram.to_record() == before
    assert histogram_of([]).total == 0


def test_range_covers_the_bounds_when_they_are_given() -> None:
    histogram = Histogram()
    histogram.add(np.array([0.5], np.float32), (-2.0, 3.0))
    assert histogram.edges()[0] <= -2.0
    assert histogram.edges()[-1] > 3.0
    assert histogram.total == 1


def test_values_below_zero_are_not_rounded_towards_zero_when_counted() -> None:
    histogram = histogram_of([-1000.0, -0.5, 0.5, 1000.0])
    by_bin = dict(zip(histogram.edges()[:-1].tolist(), histogram.counts.tolist(), strict=True))
    assert histogram.width == 1
    assert (by_bin[-1.0], by_bin[0.0]) == (1, 1)


def test_centers_lie_between_edges_when_bins_are_many() -> None:
    histogram = histogram_of(np.linspace(-3, 11, 500).tolist())
    edges, centers = histogram.edges(), histogram.centers()
    assert np.allclose(centers, (edges[:-1] + edges[1:]) / 2, rtol=0, atol=1e-12)
    assert math.log2(histogram.width).is_integer()


@given(st.lists(st.lists(FLOATS, min_size=1, max_size=10), min_size=1, max_size=4))
@settings(max_examples=50)
def test_counting_goes_on_the_same_when_a_histogram_was_stored(batches: list[list[float]]) -> None:
    straight, stored = Histogram(), Histogram()
    for batch in batches:
        straight.add(np.array(batch, np.float32))
        stored = Histogram.from_record(json.loads(json.dumps(stored.to_record())))
        stored.add(np.array(batch, np.float32))
    assert stored.to_record() == straight.to_record()
