"""Errors of outputs, added up sample by sample: numpy over all of them is the oracle."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edgeseal.tflite.comparison._output_errors import OutputError, OutputMeter
from graphs import value

PAIRS = st.integers(2, 5).flatmap(
    lambda count: arrays(np.float64, (2, count, 2, 3), elements=st.floats(-100, 100, width=16))
)


def error_of(expected: Any, got: Any, parts: Any = ()) -> OutputError:
    kind = value("y", expected[0].shape)
    meter = OutputMeter(kind, value("z", expected[0].shape), parts)
    for reference, candidate in zip(expected, got, strict=True):
        meter.add(reference, candidate)
    found = meter.error()
    assert found is not None
    return found


@settings(max_examples=40)
@given(PAIRS)
def test_figures_are_numpys_over_all_samples(pairs: Any) -> None:
    expected, got = pairs
    found = error_of(expected, got)
    assert found.name == "z"
    assert found.error.max_abs == pytest.approx(np.abs(got - expected).max())
    assert found.sign_agreement == pytest.approx(((got > 0) == (expected > 0)).mean())
    power = np.square(expected).sum()
    if power > 1e-6:
        assert found.error.nsr == pytest.approx(np.square(got - expected).sum() / power)
    variance = expected.var(axis=0).mean()
    if variance > 1e-6:
        wanted = np.square(got - expected).mean() / variance
        assert found.nmse_img == pytest.approx(wanted)


@settings(max_examples=40)
@given(PAIRS, st.randoms(use_true_random=False))
def test_order_of_samples_does_not_matter(pairs: Any, random: Any) -> None:
    order = list(range(pairs.shape[1]))
    random.shuffle(order)
    first, second = error_of(*pairs), error_of(*pairs[:, order])
    assert first.sign_agreement == second.sign_agreement
    assert first.error.max_abs == second.error.max_abs
    assert first.error.nsr == pytest.approx(second.error.nsr)
    assert first.nmse_img == pytest.approx(second.nmse_img)


def test_parts_have_errors_of_their_own_and_the_worst_counts() -> None:
    expected = np.array([[[100.0, 100.0, 0.1]], [[100.0, 100.0, 0.2]]])
    got = expected + np.array([0, 0, 0.1])
    places = (slice(None), slice(0, 2)), (slice(None), slice(2, 3))
    found = error_of(expected, got, places)
    boxes, scores = found.parts
    assert boxes.is_exact
    assert scores.nsr == pytest.approx(0.02 / 0.05)
    assert found.worst is scores
    assert found.error.nsr == pytest.approx(0.02 / 40000.05)
    assert error_of(expected, got).worst.nsr == pytest.approx(0.02 / 40000.05)


def test_variance_is_unknown_when_there_is_one_sample_or_shapes_differ() -> None:
    one = np.ones((1, 2, 3))
    assert error_of(one, one).nmse_img is None
    meter = OutputMeter(value("y", [-1]), value("y", [-1]))
    for size in (2, 3):
        meter.add(np.arange(size, dtype=np.float32), np.zeros(size, np.float32))
    found = meter.error()
    assert found is not None
    assert found.nmse_img is None
    assert found.error.nsr == 1


def test_samples_do_not_count_when_they_cannot_be_compared() -> None:
    meter = OutputMeter(value("y", [2]), value("y", [2]))
    meter.add(np.array([b"a", b"b"], object), np.array([b"a", b"b"], object))
    meter.add(np.zeros(2, np.float32), np.zeros(3, np.float32))
    assert meter.error() is None
    empty = OutputMeter(value("y", [0]), value("y", [0]))
    empty.add(np.zeros(0, np.float32), np.zeros(0, np.float32))
    assert empty.error() is None


def test_integers_are_compared_as_the_real_numbers_they_stand_for() -> None:
    fine = value("y", [3], "INT8", scale=0.5, zero=1)
    coarse = value("y", [3], "INT8", scale=2.0, zero=-1)
    meter = OutputMeter(fine, coarse)
    meter.add(np.array([5, 9, -7], np.int8), np.array([0, 1, -3], np.int8))
    found = meter.error()
    assert found is not None
    assert found.error.is_exact  # 2, 4 and -4 on both sides
    assert found.sign_agreement == 1
