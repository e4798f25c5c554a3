"""Arrays for tensors."""

from __future__ import annotations

import numpy as np
import pytest

from edgeseal.tflite.graph import Buffer, Tensor
from edgeseal.tflite.probe import constant_values, dequantize, draw, is_quantized, quantize
from graphs import constant, value


@pytest.mark.parametrize("dtype", ["INT8", "UINT8", "INT16"])
def test_values_survive_when_they_lie_on_the_grid(dtype: str) -> None:
    tensor = value("x", [3], dtype, scale=0.5, zero=3)
    stored = np.array([0, 5, 100]).astype(dtype.lower())
    assert tensor.quantization is not None
    real = dequantize(stored, tensor.quantization)
    np.testing.assert_array_equal(real, [-1.5, 1.0, 48.5])
    np.testing.assert_array_equal(quantize(real, tensor), stored)


def test_channels_have_their_own_scale_when_there_is_one_for_each() -> None:
    tensor = constant("w", np.array([[2, 2], [4, 4]], np.int8), scale=[1.0, 0.25], axis=0)
    assert tensor.quantization is not None
    values = constant_values(tensor)
    assert values is not None
    np.testing.assert_array_equal(dequantize(values, tensor.quantization), [[2, 2], [1, 1]])


def test_values_are_clipped_when_they_leave_the_range() -> None:
    tensor = value("x", [3], "INT8", scale=0.1)
    stored = quantize(np.array([-1e9, np.nan, 1e9], np.float32), tensor)
    np.testing.assert_array_equal(stored, [-128, 0, 127])


def test_halves_are_unpacked_when_a_constant_is_int4() -> None:
    tensor = Tensor("w", (3,), "INT4", Buffer(np.array([0x2F, 0x08], np.uint8)))
    np.testing.assert_array_equal(constant_values(tensor), [-1, 2, -8])


def test_no_values_are_given_when_the_data_does_not_fit_the_shape() -> None:
    tensor = Tensor("w", (3,), "FLOAT32", Buffer(np.zeros(8, np.uint8)))
    assert constant_values(tensor) is None


def test_scales_are_not_used_when_their_count_does_not_fit() -> None:
    assert not is_quantized(constant("w", np.zeros((2, 2), np.int8), scale=[1.0, 1.0, 1.0]))
    assert is_quantized(constant("w", np.zeros((2, 2), np.int8), scale=[1.0, 1.0]))


@pytest.mark.parametrize(
    ("tensor", "low", "high"),
    [
        (value("x", [1000]), 0.0, 1.0),
        (value("x", [1000], "INT8", scale=0.1), -128, 127),
        (value("x", [1000], "INT32"), 0, 1),
    ],
)
def test_drawn_values_fill_the_range(tensor: Tensor, low: float, high: float) -> None:
    drawn = draw(tensor, np.random.default_rng(0))
    assert drawn is not None
    assert drawn.min() == pytest.approx(low, abs=0.02 * (high - low))
    assert drawn.max() == pytest.approx(high, abs=0.02 * (high - low))


def test_nothing_is_drawn_when_arrays_cannot_hold_it() -> None:
    assert draw(Tensor("x", (1,), "RESOURCE"), np.random.default_rng(0)) is None
