"""Intervals and thresholds, against scipy and against what they promise."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from edgeseal.errors import UsageError
from edgeseal.watermark.evaluate._intervals import (
    binomial_threshold,
    bootstrap_difference,
    bootstrap_mean,
    calibrated_threshold,
    exact_proportion,
    least_pictures,
    resamples,
)
from edgeseal.watermark.evaluate._metrics import capacity_bits, picture_psnr_db, ssim


@pytest.mark.parametrize(("successes", "trials"), [(0, 20), (1, 20), (7, 20), (19, 20), (20, 20)])
def test_proportion_equals_scipys_exact_interval(successes: int, trials: int) -> None:
    expected = stats.binomtest(successes, trials).proportion_ci(0.95, method="exact")
    found = exact_proportion(successes, trials)
    assert found.value == successes / trials
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_proportion_of_fractions_lies_between_those_of_counts() -> None:
    low, middle, high = (exact_proportion(count, 20) for count in (3, 3.5, 4))
    assert low.low < middle.low < high.low
    assert low.high < middle.high < high.high


def test_bootstrap_equals_scipys_percentile_interval() -> None:
    values = np.random.default_rng(0).gamma(2, 1, 30)
    expected = stats.bootstrap(
        (values,), np.mean, n_resamples=20_000, method="percentile", rng=np.random.default_rng(1)
    ).confidence_interval
    found = bootstrap_mean(values, resamples(30, seed=2))
    assert found.value == values.mean()
    spread = expected.high - expected.low
    assert abs(found.low - expected.low) < 0.05 * spread
    assert abs(found.high - expected.high) < 0.05 * spread


def test_paired_difference_equals_scipys_when_pictures_are_shared() -> None:
    rng = np.random.default_rng(3)
    pictures = rng.normal(80, 10, 40)
    first, second = pictures + rng.normal(0, 0.5, 40), pictures + rng.normal(0.3, 0.5, 40)
    expected = stats.bootstrap(
        (first, second),
        lambda a, b, axis: (a - b).mean(axis=axis),
        paired=True,
        n_resamples=20_000,
        method="percentile",
        rng=np.random.default_rng(1),
    ).confidence_interval
    found = bootstrap_difference(first, second, resamples(40, seed=5))
    spread = expected.high - expected.low
    assert abs(found.low - expected.low) < 0.07 * spread
    assert abs(found.high - expected.high) < 0.07 * spread
    unpaired = bootstrap_difference(first, second, resamples(40, 5), resamples(40, 6))
    assert unpaired.high - unpaired.low > 5 * spread  # the pictures' own variance is in it


def test_interval_holds_the_mean_as_often_as_it_says() -> None:
    rng = np.random.default_rng(7)
    hits = 0
    for _ in range(300):
        found = bootstrap_mean(rng.normal(0, 1, 40), resamples(40, int(rng.integers(1 << 30))))
        hits += found.low <= 0 <= found.high
    assert 0.89 < hits / 300 < 0.98


def test_resamples_are_the_same_when_the_seed_is() -> None:
    assert np.array_equal(resamples(9, 4), resamples(9, 4))
    assert not np.array_equal(resamples(9, 4), resamples(9, 5))


@pytest.mark.parametrize("bits", [16, 96, 256, 1024])
@pytest.mark.parametrize("rate", [0.05, 0.01, 1e-6])
def test_binomial_threshold_is_the_least_that_keeps_the_rate(bits: int, rate: float) -> None:
    threshold = binomial_threshold(bits, rate)
    assert not threshold.is_calibrated
    law = stats.binom(bits, 0.5)
    assert law.sf(threshold.matching_bits - 1) <= rate
    assert law.sf(threshold.matching_bits - 2) > rate


def test_no_number_of_bits_is_safe_when_the_message_is_too_short() -> None:
    assert binomial_threshold(8, 1e-6).matching_bits == 9


@pytest.mark.parametrize(("rate", "pictures"), [(0.5, 1), (0.05, 19), (0.01, 99), (1e-3, 999)])
def test_calibration_is_refused_when_unmarked_pictures_are_too_few(
    rate: float, pictures: int
) -> None:
    assert least_pictures(rate) == pictures
    matching = np.random.default_rng(0).binomial(64, 0.5, (pictures, 3))
    assert calibrated_threshold(matching[1:], 64, rate) is None
    threshold = calibrated_threshold(matching, 64, rate)
    assert threshold is not None
    assert threshold.is_calibrated
    assert threshold.matching_bits > matching.max()  # not one of them may pass


def test_calibrated_rate_holds_when_the_detector_leans_to_some_bits() -> None:
    """The binomial law is broken; thresholds from 60 pictures keep 5 % of others all the same."""
    rng = np.random.default_rng(11)
    leaning = rng.random(64) * 0.8 + 0.1  # probability that a bit is read as 1
    messages = (rng.random((1, 64)) < leaning).astype(int)  # one that leans the same way

    def matching(pictures: int) -> np.ndarray:
        noise = rng.normal(0, 0.15, (pictures, 64))  # pictures differ, too
        read = (rng.random((pictures, 64)) < leaning + noise).astype(int)
        return read @ messages.T + (1 - read) @ (1 - messages).T

    calibrated, binomial = [], []
    for _ in range(150):
        threshold = calibrated_threshold(matching(60), 64, 0.05)
        assert threshold is not None
        fresh = matching(50)
        calibrated.append((fresh >= threshold.matching_bits).mean())
        binomial.append((fresh >= binomial_threshold(64, 0.05).matching_bits).mean())
    assert np.mean(calibrated) <= 0.055
    assert np.mean(binomial) > 0.06


@pytest.mark.parametrize("rate", [0.0, 1.0, -0.1, float("nan")])
def test_rate_is_refused_when_it_is_no_probability(rate: float) -> None:
    with pytest.raises(UsageError, match="false-positive rate"):
        binomial_threshold(16, rate)


def test_capacity_equals_entropy_formula() -> None:
    for accuracy in (0.0, 0.25, 0.5, 0.9, 1.0):
        entropy = stats.entropy([accuracy, 1 - accuracy], base=2)
        assert capacity_bits(accuracy, 96) == pytest.approx(96 * (1 - entropy))


def test_psnr_equals_skimages_and_is_infinite_when_pictures_are_equal() -> None:
    from skimage.metrics import peak_signal_noise_ratio

    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (20, 30, 3)).astype(np.uint8)
    other = np.clip(picture.astype(int) + rng.integers(-3, 4, picture.shape), 0, 255)
    other = other.astype(np.uint8)
    assert picture_psnr_db(picture, other) == pytest.approx(peak_signal_noise_ratio(picture, other))
    assert picture_psnr_db(picture, picture) == float("inf")


def test_ssim_is_none_when_the_picture_is_smaller_than_its_window() -> None:
    tiny = np.zeros((10, 40, 3), np.uint8)
    assert ssim(tiny, tiny) is None
    assert ssim(np.zeros((11, 40, 3), np.uint8), np.zeros((11, 40, 3), np.uint8)) == 1
