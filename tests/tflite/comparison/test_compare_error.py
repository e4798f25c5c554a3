"""Sums of errors, and the inputs that files are compared on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgeseal.errors import UsageError
from edgeseal.tflite.graph import Model, Tensor, new_operator
from edgeseal.tflite.inputs import drawn_samples, samples_from_pictures
from edgeseal.tflite.inputs._paired_samples import pink_noise
from edgeseal.tflite.metrics._error_sums import ErrorSum, TensorError, real_values, worst
from graphs import model_of, value


def error_of(values: list[float], reference: list[float]) -> TensorError:
    total = ErrorSum()
    total.add(np.array(values, np.float64), np.array(reference, np.float64))
    return total.error()


def test_nsr_and_snr_agree_with_their_definition() -> None:
    error = error_of([1.1, 2, -3], [1, 2, -2])
    assert error.nsr == pytest.approx((0.01 + 1) / 9)
    assert error.snr_db == pytest.approx(10 * np.log10(9 / 1.01))
    assert error.max_abs == 1


def test_error_is_undefined_when_only_the_reference_is_zero() -> None:
    assert error_of([0.1], [0]) == TensorError(None, 0.1)
    assert error_of([0.1], [0]).severity == np.inf
    assert error_of([0], [0]) == TensorError(0, 0)
    assert error_of([], []) == TensorError(0, 0)


def test_error_stays_a_number_for_json_when_squares_overflow() -> None:
    assert error_of([1e300], [-1e300]).nsr is None


def test_values_count_as_not_finite_when_they_differ_there() -> None:
    nan, inf = np.nan, np.inf
    error = error_of([nan, inf, nan, -inf, 1, 2], [nan, inf, 1, inf, nan, 4])
    assert (error.not_finite, error.nsr, error.max_abs) == (3, None, 2)
    assert not error_of([nan], [1]).is_exact
    assert error_of([nan, inf], [nan, inf]).is_exact


def test_there_is_no_ratio_when_nothing_could_be_compared() -> None:
    nan, inf = np.nan, np.inf
    for error in (error_of([nan, nan], [nan, nan]), error_of([nan], [1]), error_of([1], [-inf])):
        assert (error.nsr, error.is_finite, str(error)) == (None, False, "not finite")
    assert error_of([nan, 1], [nan, 1]) == TensorError(0, 0)
    assert error_of([0.1], [0]).is_finite  # no ratio either, but a difference


def test_worst_error_is_the_one_that_cannot_be_measured_when_there_is_one() -> None:
    errors = [TensorError(0.5, 1), TensorError(None, 0.1), None, TensorError(0.1, 9, not_finite=1)]
    assert worst(errors[:1]) == errors[0]
    assert worst(errors[:2]) == errors[1]
    assert worst(errors) == errors[3]
    assert worst([None]) is None


def test_stored_values_become_real_numbers_when_they_are_quantized() -> None:
    tensor = value("t", [2], "INT8", 0.5, zero=3)
    assert real_values(np.array([3, 5], np.int8), tensor).tolist() == [0, 1]
    plain = Tensor("i", (2,), "INT32")
    assert real_values(np.array([3, 5], np.int32), plain).tolist() == [3, 5]
    assert real_values(np.array([b"a"], np.object_), Tensor("s", (1,), "STRING")) is None
    assert real_values(np.array([1 + 2j], np.complex64), plain).tolist() == [[1, 2]]


def copy_of(dtype: str, scale: float | None = None, zero: int = 0, side: int = 64) -> Model:
    x = value("x", [1, side, side, 3], dtype, scale, zero)
    y = value("y", [1, side, side, 3], dtype, scale, zero)
    return model_of([x], [y], [new_operator("RELU", [x], [y])])


def ends(sample: object) -> tuple[np.ndarray, np.ndarray]:
    (ours,), (theirs,) = sample.reference.values(), sample.candidate.values()
    return ours, theirs


@pytest.mark.parametrize("is_swapped", [False, True])
def test_both_files_get_the_same_real_values_when_one_is_quantized(is_swapped: bool) -> None:
    models = [copy_of("FLOAT32"), copy_of("INT8", 1 / 127, zero=-1)]
    (sample,) = drawn_samples(*(reversed(models) if is_swapped else models), 1)
    floats, integers = reversed(ends(sample)) if is_swapped else ends(sample)
    np.testing.assert_allclose(floats, (integers.astype(np.float32) + 1) / 127, rtol=1e-6)
    assert integers.min() < -100  # a picture has the whole range of the type


def test_pictures_are_resized_when_they_are_given(tmp_path: Path) -> None:
    pixels = np.random.default_rng(5).integers(0, 255, (90, 70, 3)).astype(np.uint8)
    for name in ("a.png", "b.png"):
        Image.fromarray(pixels).save(tmp_path / name)
    paths = sorted(tmp_path.iterdir())
    model, quantized = copy_of("FLOAT32"), copy_of("INT8", 1 / 255, zero=-128)
    samples = list(samples_from_pictures(model, quantized, paths))
    assert len(samples) == 2
    floats, integers = ends(samples[0])
    assert floats.shape == integers.shape == (1, 64, 64, 3)
    assert floats.mean() == pytest.approx(pixels.mean() / 255, abs=0.01)
    np.testing.assert_allclose(floats, (integers.astype(np.float32) + 128) / 255, atol=1e-6)


def test_pictures_are_refused_when_the_model_takes_none(tmp_path: Path) -> None:
    x, y = value("x", [4]), value("y", [4])
    model = model_of([x], [y], [new_operator("RELU", [x], [y])])
    with pytest.raises(UsageError, match="pictures need one input"):
        next(samples_from_pictures(model, model, [tmp_path / "a.png"]))


def test_drawn_inputs_are_the_same_when_the_seed_is() -> None:
    model = copy_of("FLOAT32")
    first, again = (ends(next(drawn_samples(model, model, 1, seed=3)))[0] for _ in range(2))
    other = ends(next(drawn_samples(model, model, 1, seed=4)))[0]
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.1


def test_drawn_pictures_have_the_spectrum_of_photographs() -> None:
    noise = pink_noise(128, np.random.default_rng(0))
    assert noise.dtype == np.float32
    assert 0 <= noise.min() < 0.15 < 0.85 < noise.max() <= 1
    assert np.corrcoef(noise[..., 0].ravel(), noise[..., 1].ravel())[0, 1] > 0.8
    power = np.square(np.abs(np.fft.fft2(noise[..., 1] - noise[..., 1].mean())))
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(128), np.fft.fftfreq(128)))
    bands = [(frequency > low) & (frequency <= 2 * low) for low in (0.02, 0.04, 0.08, 0.16)]
    means = np.log2([power[band].mean() for band in bands])
    slopes = np.diff(means)  # per octave: 1/f of the amplitude is 1/f^2 of the power
    np.testing.assert_allclose(slopes, -2, atol=0.5)
