"""Our figures are upstream's: its own metrics on the same readings."""

from __future__ import annotations

import sys
from typing import Any
from unittest import mock

import numpy as np
import pytest
import torch
from torch.nn import functional

from edgeseal.watermark.evaluate._metrics import capacity_bits, picture_psnr_db, ssim
from edgeseal.watermark.runtime import p_value
from upstream import upstream_module

BITS = 96


@pytest.fixture(scope="module")
def metrics() -> Any:
    with mock.patch.dict(sys.modules, {"pytorch_msssim": mock.MagicMock()}):
        return upstream_module("metrics", package="evals")


def test_accuracy_p_value_and_capacity_equal_upstreams(metrics: Any) -> None:
    rng = np.random.default_rng(0)
    sent = rng.integers(0, 2, (40, BITS))
    errors = rng.random((40, BITS)) < rng.random((40, 1)) / 2
    logits = np.where(sent ^ errors, 1.5, -1.5)
    read, message = torch.from_numpy(logits), torch.from_numpy(sent)
    matching = (sent == (logits > 0)).sum(axis=1)
    accuracies = metrics.bit_accuracy(read, message).numpy()
    np.testing.assert_allclose(matching / BITS, accuracies, rtol=1e-6)
    exact = [matches for matches in matching if int(np.float32(matches / BITS) * BITS) == matches]
    assert len(exact) > 20  # upstream cuts the product to an integer, and now and then loses a bit
    expected = metrics.pvalue(read, message).numpy()
    for matches, value in zip(matching.tolist(), expected, strict=True):
        if matches in exact:
            assert p_value(matches, BITS) == pytest.approx(value, rel=1e-6)
    capacities = metrics.capacity(read, message).numpy()
    ours = [capacity_bits(matches / BITS, BITS) for matches in matching.tolist()]
    np.testing.assert_allclose(ours, capacities, rtol=1e-4, atol=1e-4)


def test_psnr_equals_upstreams(metrics: Any) -> None:
    rng = np.random.default_rng(1)
    original = rng.integers(3, 250, (30, 40, 3)).astype(np.uint8)
    marked = (original + rng.integers(-3, 4, original.shape)).astype(np.uint8)
    first, second = (
        torch.from_numpy(p).permute(2, 0, 1)[None].double() / 255 for p in (marked, original)
    )
    assert picture_psnr_db(original, marked) == pytest.approx(
        float(metrics.psnr(first, second)), abs=1e-5
    )


def test_ssim_equals_the_formula_that_upstream_calls() -> None:
    """pytorch_msssim's: a Gaussian window of 11, deviation 1.5, where it fits into the picture."""
    rng = np.random.default_rng(2)
    original = rng.integers(0, 256, (40, 60, 3)).astype(np.uint8)
    marked = np.clip(original + rng.normal(0, 20, original.shape), 0, 255).astype(np.uint8)
    places = torch.arange(11, dtype=torch.float64) - 5
    weights = torch.exp(-places.square() / (2 * 1.5**2))
    window = torch.outer(weights, weights) / weights.sum() ** 2

    def blurred(values: torch.Tensor) -> torch.Tensor:
        return functional.conv2d(values, window.expand(3, 1, 11, 11), groups=3)

    x, y = (torch.from_numpy(p).permute(2, 0, 1)[None].double() for p in (original, marked))
    mean_x, mean_y = blurred(x), blurred(y)
    spread = blurred(x * x) - mean_x**2 + blurred(y * y) - mean_y**2 + (0.03 * 255) ** 2
    shared = 2 * (blurred(x * y) - mean_x * mean_y) + (0.03 * 255) ** 2
    light = (2 * mean_x * mean_y + (0.01 * 255) ** 2) / (mean_x**2 + mean_y**2 + (0.01 * 255) ** 2)
    assert ssim(original, marked) == pytest.approx(
        float((light * shared / spread).mean()), abs=1e-6
    )
