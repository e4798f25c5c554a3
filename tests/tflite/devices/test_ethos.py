"""Arm's Ethos-U85: a device that is compiled for, and on which nothing here runs."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from edgeseal import tflite
from edgeseal.errors import UsageError
from edgeseal.tflite.devices import DeviceModel, DeviceResult, Verdict, check_on, find_device
from edgeseal.tflite.graph import Model, new_operator, read_model, write_model
from graphs import constant, model_of, value

DEVICE = "ethos-u85:128"


def product(*, per_channel: bool = False) -> Model:
    """INT8: rows by a constant matrix, which may have a scale per channel."""
    x, y = value("x", [1, 4, 8], "INT8", 0.1), value("y", [1, 4, 8], "INT8", 0.1)
    numbers = np.random.default_rng(0).integers(-127, 127, (1, 8, 8)).astype(np.int8)
    scales = np.full(8 if per_channel else 1, 0.01, np.float32)
    table = constant("table", numbers, scale=scales, axis=2 if per_channel else 0)
    return model_of([x], [y], [new_operator("BATCH_MATMUL", [x, table], [y])])


def written(model: Model, folder: Path) -> Path:
    write_model(model, folder / "model.tflite")
    return folder / "model.tflite"


def on_ethos(path: Path) -> DeviceResult:
    (result,) = check_on(path, [DEVICE]).results
    return result


def test_verdict_is_no_more_than_taken_when_vela_compiles_all_of_it(tmp_path: Path) -> None:
    result = on_ethos(written(product(), tmp_path))
    assert (result.verdict, result.pieces, result.refusals) == (Verdict.TAKEN, 1, ())
    assert (result.error, result.signs, result.tried) == (None, None, 0)
    assert result.is_good
    assert f"{DEVICE}: taken whole (Vela" in str(result)


def test_operator_is_refused_in_velas_words_when_a_constant_has_many_scales(
    tmp_path: Path,
) -> None:
    result = on_ethos(written(product(per_channel=True), tmp_path))
    (refusal,) = result.refusals
    assert (result.verdict, refusal.kind, refusal.numbers) == (
        Verdict.REFUSED,
        "BATCH_MATMUL",
        (0,),
    )
    assert "per-axis" in refusal.reason
    assert result.at_fault == (0,)


def test_repair_for_it_leaves_nothing_that_vela_refuses(tmp_path: Path) -> None:
    path = written(product(per_channel=True), tmp_path)
    mended = tflite.repair(path, tmp_path / "mended.tflite", device=DEVICE)
    assert on_ethos(tmp_path / "mended.tflite").verdict is Verdict.TAKEN
    assert mended.is_good
    table = next(t for t in read_model(tmp_path / "mended.tflite").main.tensors() if t.is_constant)
    assert table.quantization is not None


def test_file_that_does_not_run_here_is_compiled(tmp_path: Path) -> None:
    x, w = value("x", [1, 4, 8]), constant("w", np.ones((1, 4, 4), np.int8), scale=[0.1])
    y = value("y", [1, 4, 8])
    path = written(model_of([x], [y], [new_operator("BATCH_MATMUL", [w, x], [y])]), tmp_path)
    assert not tflite.check(path).is_good
    result = on_ethos(path)
    assert [refusal.kind for refusal in result.refusals] == ["BATCH_MATMUL"]
    assert result.summary == "not taken whole, 1 refused"


def test_it_is_said_that_nothing_runs_when_outputs_are_wanted(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="ethos-u85:128: nothing here runs models for it"):
        DeviceModel(written(product(), tmp_path), DEVICE)


def test_sizes_are_listed_when_there_is_no_such_one() -> None:
    for name in ("ethos-u85:300", "ethos-u85:x"):
        with pytest.raises(UsageError, match="128, 256, 512, 1024, 2048"):
            find_device(name)


def test_extra_is_named_when_vela_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert "extra [npu]" in find_device("ethos-u85").missing
