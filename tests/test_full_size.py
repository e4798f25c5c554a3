"""The full-size VideoSeal 0.0 detector at random weights: only its real size shows these."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgeseal.data import photo_paths
from edgeseal.pictures import read_image, resize
from edgeseal.tflite.graph import read_model, write_model
from edgeseal.tflite.inputs import picture_input, picture_samples
from edgeseal.tflite.metrics import nmse_img, sign_agreement
from edgeseal.tflite.probe import refusal
from edgeseal.tflite.quantization import find_recipe, quantize
from edgeseal.tflite.repairs import repair_file
from edgeseal.watermark.cards import Part, load_card
from edgeseal.watermark.convert import (
    convert_part,
    stock_conversion,
    stock_dynamic_int8,
    structural_problems,
)
from edgeseal.watermark.models import LoadedPart, random_weights
from edgeseal.watermark.runtime import load_detector

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def loaded() -> LoadedPart:
    return random_weights(load_card("videoseal_0.0"), Part.DETECTOR, 0)


def test_dynamic_int8_is_small_and_agrees_when_detector_is_full_size(
    loaded: LoadedPart, tmp_path: Path
) -> None:
    write_model(convert_part(loaded).model, tmp_path / "float.tflite")
    model = read_model(tmp_path / "float.tflite")
    quantize(model, find_recipe("dynamic-int8"))
    write_model(model, tmp_path / "int8.tflite")
    photographs = np.stack([resize(read_image(path), 256, 256) for path in photo_paths()])
    expected, logits = (
        load_detector(tmp_path / name, threads=2).logits(photographs)
        for name in ("float.tflite", "int8.tflite")
    )
    assert (tmp_path / "int8.tflite").stat().st_size <= 24.9 * 2**20
    assert sign_agreement(logits, expected) >= 0.995
    assert nmse_img(logits, expected) <= 0.002


def test_stock_int8_fails_by_24_left_constants_and_runs_mended_when_detector_is_full_size(
    loaded: LoadedPart, tmp_path: Path
) -> None:
    source, broken = tmp_path / "stock.tflite", tmp_path / "int8.tflite"
    stock = stock_conversion(loaded)
    problems = list(structural_problems(stock))
    assert sum("constant on the left" in problem for problem in problems) == 24
    write_model(stock, source)
    stock_dynamic_int8(source, broken)
    assert "BATCH_MATMUL" in (refusal(broken) or "")
    pictures = picture_samples(photo_paths(), picture_input(read_model(broken)))
    result = repair_file(broken, samples=pictures, companion=source)
    write_model(result.model, tmp_path / "mended.tflite")
    assert not result.before.prepares
    assert result.after.runs
    assert result.unmended == ()
    assert max(tensor.rank for tensor in result.model.main.tensors()) == 4
    assert sum("24 BATCH_MATMUL" in change.text for change in result.changes) == 1
    assert (tmp_path / "mended.tflite").stat().st_size <= 24.9 * 2**20
    assert result.companion is not None and result.companion.after is not None
    assert result.companion.after.sign_agreement >= 0.995
