"""The full-size VideoSeal 0.0 detector that stock tools leave broken."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeseal.data import photo_paths
from edgeseal.tflite.graph import read_model, write_model
from edgeseal.tflite.inputs import picture_input, picture_samples
from edgeseal.tflite.repairs import repair_file
from edgeseal.watermark.cards import Part, load_card
from edgeseal.watermark.convert import stock_conversion, stock_dynamic_int8
from edgeseal.watermark.models import random_weights

pytestmark = pytest.mark.slow


def test_naive_detector_is_small_and_agrees_when_repaired(tmp_path: Path) -> None:
    source, broken = tmp_path / "float.tflite", tmp_path / "int8.tflite"
    loaded = random_weights(load_card("videoseal_0.0"), Part.DETECTOR, 0)
    write_model(stock_conversion(loaded), source)
    stock_dynamic_int8(source, broken)
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
