"""Every recipe that needs no fixed ranges runs on a ViT, and keeps what it promises."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from conversions import converted
from edgeseal.tflite.graph import read_model, write_model
from edgeseal.tflite.quantization import (
    QuantizationReport,
    bundled_calibration,
    find_recipe,
    quantize,
)
from edgeseal.watermark.cards import Part
from edgeseal.watermark.runtime import load_detector


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return converted(Part.DETECTOR, tmp_path_factory.mktemp("detector"))


def error(detector: Path, name: str, folder: Path) -> tuple[float, QuantizationReport]:
    model, recipe = read_model(detector), find_recipe(name)
    report = quantize(model, recipe, calibration=bundled_calibration(model, recipe))
    write_model(model, folder / f"{name}.tflite")
    pictures = np.random.default_rng(0).random((4, 256, 256, 3), np.float32)
    expected, result = (
        load_detector(path).logits(pictures) for path in (detector, folder / f"{name}.tflite")
    )
    return float(np.square(result - expected).mean() / expected.var()), report


@pytest.mark.parametrize(
    ("name", "limit", "stored", "integer_macs"),
    [
        ("float16", 1e-5, "FLOAT16", 0.0),
        ("weight-int8", 5e-4, "INT8", 0.0),
        ("dynamic-int8", 1e-3, "INT8", 0.05),
        ("mixed-int4", 0.2, "INT4", 0.05),
    ],
)
def test_detector_agrees_with_float_and_says_what_is_stored(
    name: str, limit: float, stored: str, integer_macs: float, detector: Path, tmp_path: Path
) -> None:
    found, report = error(detector, name, tmp_path)
    assert found < limit
    weights = {part.name: part.share for part in report.weights}
    assert weights[stored] > 0.1
    macs = {part.name: part.share for part in report.macs}
    assert 1 - macs["float"] >= integer_macs
    assert (macs["float"] == 1) == (integer_macs == 0)
