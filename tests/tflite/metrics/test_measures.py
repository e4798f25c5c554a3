"""Measures of error: their formulas, and None where they would say nothing."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from edgeseal.pictures import psnr_db
from edgeseal.tflite.metrics import largest_difference, nmse, nmse_img, nsr, sign_agreement

Measure = Callable[[np.ndarray, np.ndarray], float | None]
ERRORS: tuple[Measure, ...] = (nsr, nmse, nmse_img, largest_difference)


def pair() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    reference = rng.normal(1, 2, (5, 3, 4)).astype(np.float32)
    return reference + rng.normal(0, 0.3, reference.shape).astype(np.float32), reference


def total(values: np.ndarray) -> float:
    return math.fsum(float(value) for value in values.reshape(-1))


def test_nsr_is_error_energy_by_signal_energy() -> None:
    values, reference = pair()
    error = values.astype(np.float64) - reference
    expected = total(error**2) / total(reference.astype(np.float64) ** 2)
    assert nsr(values, reference) == pytest.approx(expected, rel=1e-12)


def test_nmse_is_what_a_constant_guess_leaves_at_one() -> None:
    _, reference = pair()
    guess = np.full_like(reference, reference.mean(dtype=np.float64))
    assert nmse(guess, reference) == pytest.approx(1, rel=1e-6)
    assert nmse(reference + 2, reference) == pytest.approx(4 / np.var(reference, dtype=np.float64))


def test_nmse_img_is_what_the_mean_picture_leaves_at_one() -> None:
    _, reference = pair()
    mean = np.broadcast_to(reference.mean(0, dtype=np.float64), reference.shape)
    assert nmse_img(mean, reference) == pytest.approx(1, rel=1e-6)


def test_offset_of_all_pictures_counts_in_nmse_img_alone_as_no_signal() -> None:
    values, reference = pair()
    offset = np.arange(12).reshape(3, 4) * 100.0
    moved = nmse_img(values + offset, reference + offset)
    assert moved == pytest.approx(nmse_img(values, reference), rel=1e-5)
    moved_nmse, plain_nmse = nmse(values + offset, reference + offset), nmse(values, reference)
    assert moved_nmse is not None and plain_nmse is not None
    assert moved_nmse < 0.01 * plain_nmse


@pytest.mark.parametrize("measure", ERRORS)
def test_error_is_zero_where_every_value_is_equal(measure: Measure) -> None:
    for reference in (pair()[1], np.zeros((2, 3)), np.full((1, 3), 7.0)):
        assert measure(reference, reference.copy()) == 0


@pytest.mark.parametrize(
    ("measure", "reference"),
    [
        (nsr, np.zeros((2, 3))),
        (nmse, np.full((2, 3), 7.0)),
        (nmse_img, np.array([[1.0, 2.0, 3.0]])),
        (nmse_img, np.array([[1.0, 2.0, 3.0]] * 2)),
    ],
)
def test_error_is_none_where_there_is_nothing_to_divide_by(
    measure: Measure, reference: np.ndarray
) -> None:
    assert measure(reference + 1, reference) is None


@pytest.mark.parametrize("measure", ERRORS)
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("side", [0, 1])
def test_error_is_none_where_a_value_is_not_finite(measure: Measure, bad: float, side: int) -> None:
    sides = pair()
    sides[side][1, 2, 3] = bad
    assert measure(*sides) is None


@pytest.mark.parametrize("measure", [*ERRORS, sign_agreement])
def test_measure_is_none_where_there_is_nothing_to_compare(measure: Measure) -> None:
    assert measure(np.empty((0, 3)), np.empty((0, 3))) is None


def test_error_of_integers_does_not_wrap_around() -> None:
    reference = np.array([[-128, 127], [127, -128]], np.int8)
    assert nsr(-1 - reference, reference) == pytest.approx(4 * 255**2 / (2 * 127**2 + 2 * 128**2))


def test_sign_agreement_counts_zero_as_not_above() -> None:
    assert sign_agreement(np.array([1.0, 0, -1, 2]), np.array([3.0, -1, 1, 0])) == 0.5


def test_psnr_is_twenty_decibels_for_a_tenth_of_the_range() -> None:
    assert psnr_db(0.1**2) == pytest.approx(20)
    assert psnr_db(0) == math.inf
