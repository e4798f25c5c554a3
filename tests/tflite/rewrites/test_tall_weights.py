"""Convolutions of very many input channels are sums of smaller ones, on GPUs too."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgeseal.tflite.devices import Verdict, check_on
from edgeseal.tflite.graph import write_model
from edgeseal.tflite.rewrites import SPLIT_TALL_WEIGHTS
from graphs import kinds, run
from tflite.devices.needs import needs
from tflite.rewrites.models import tall_convolution

RNG = np.random.default_rng(0)
SIDE = 4


@pytest.mark.parametrize(("weights", "off"), [("FLOAT32", 1e-5), ("FLOAT16", 1e-5), ("INT8", 0.05)])
def test_values_are_the_same_when_weights_are_split(weights: str, off: float) -> None:
    x = RNG.random((1, SIDE, SIDE, 1024), np.float32)
    [expected] = run(tall_convolution(1024, weights=weights), x)
    model = tall_convolution(1024, weights=weights)
    (change,) = SPLIT_TALL_WEIGHTS.apply(model)
    assert change.count == 1
    assert kinds(model).count("CONV_2D") == 2
    assert all(o.inputs[0].shape[-1] * 9 <= 8192 for o in model.operators() if o.kind == "CONV_2D")
    [result] = run(model, x)
    np.testing.assert_allclose(result, expected, atol=off, rtol=off)
    assert result.min() == 0  # RELU is of the sum
    assert result.max() > 0.1


def test_sum_has_as_many_parts_as_are_needed() -> None:
    x = RNG.random((1, SIDE, SIDE, 2500), np.float32)
    [expected] = run(tall_convolution(2500), x)
    model = tall_convolution(2500)
    SPLIT_TALL_WEIGHTS.apply(model)
    assert [o.inputs[0].shape[-1] for o in model.operators() if o.kind == "CONV_2D"] == [
        908, 908, 684
    ]  # fmt: skip
    np.testing.assert_allclose(run(model, x)[0], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("channels", "taps"), [(910, 3), (1024, 1)])
def test_weights_stay_when_they_fit(channels: int, taps: int) -> None:
    assert SPLIT_TALL_WEIGHTS.apply(tall_convolution(channels, taps)) == []


@needs("gpu", everywhere=True)
def test_gpu_says_what_it_cannot_hold_and_is_right_when_weights_are_split(tmp_path: Path) -> None:
    model = tall_convolution(1024)
    write_model(model, tmp_path / "tall.tflite")
    SPLIT_TALL_WEIGHTS.apply(model)
    write_model(model, tmp_path / "split.tflite")
    (tall,) = check_on(tmp_path / "tall.tflite", ["gpu"]).results
    (split,) = check_on(tmp_path / "split.tflite", ["gpu"]).results
    if tall.verdict is not Verdict.RIGHT:  # a GPU of larger textures
        assert tall.verdict is Verdict.FAILED
        assert "exceeded maximum texture size" in tall.message
    assert split.verdict is Verdict.RIGHT
