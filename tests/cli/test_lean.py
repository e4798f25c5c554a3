"""``edgeseal lean`` as a user meets it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cli.commands import Run
from edgeseal.tflite.devices import DeviceResult, Verdict
from edgeseal.tflite.graph import Model, new_operator, read_model, write_model
from edgeseal.tflite.rewrites import ModelChange
from edgeseal.tflite.verbs._lean import _for_device
from graphs import constant, kinds, model_of, value
from graphs import run as run_model


def padded() -> Model:
    x, y = value("x", (1, 8, 8, 3)), value("y", (1, 10, 10, 3))
    widths = constant("widths", [[0, 0], [1, 1], [1, 1], [0, 0]])
    return model_of([x], [y], [new_operator("MIRROR_PAD", [x, widths], [y], mode=0)])


@pytest.fixture
def source(tmp_path: Path) -> Path:
    write_model(padded(), tmp_path / "padded.tflite")
    return tmp_path / "padded.tflite"


def test_outputs_are_the_same_when_a_file_is_made_lean(
    run: Run, source: Path, tmp_path: Path
) -> None:
    output = tmp_path / "lean.tflite"
    record = run("lean", source, "-o", output, "--json").json
    assert (record["schema_version"], record["command"]) == (1, "lean")
    assert [change["rewrite"] for change in record["changes"]] == ["mirror-pads"]
    assert record["difference"] == 0
    assert record["time_ratio"] > 0
    x = np.random.default_rng(0).random((1, 8, 8, 3), np.float32)
    [expected], [result] = run_model(padded(), x), run_model(read_model(output), x)
    np.testing.assert_array_equal(result, expected)
    assert "exists already" in run("lean", source, "-o", output).refused()


def test_passes_are_listed_when_they_rewrote_something(
    run: Run, source: Path, tmp_path: Path
) -> None:
    done = run("lean", source, "-o", tmp_path / "lean.tflite")
    assert done.status == 0
    assert "mirror-pads" in done.out
    assert "outputs differ by 0.0e+00" in done.out
    again = run("lean", tmp_path / "lean.tflite", "-o", tmp_path / "again.tflite")
    assert "nothing to rewrite" in again.out


def test_nothing_is_written_when_the_result_differs(
    run: Run, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def shifted(model: Model, _: object) -> list[ModelChange]:
        [pad] = model.main.operators
        pad.options.mode = 1  # symmetric: another function
        return [ModelChange("all shifted", 1)]

    monkeypatch.setattr("edgeseal.tflite.verbs._lean.make_lean", shifted)
    done = run("lean", source, "-o", tmp_path / "lean.tflite")
    assert done.status == 1
    assert "not written" in done.err
    assert not (tmp_path / "lean.tflite").exists()


def test_file_is_written_when_it_did_not_run_before(
    run: Run, refused_model: Path, tmp_path: Path
) -> None:
    done = run("lean", refused_model, "-o", tmp_path / "lean.tflite")
    assert done.status == 0, done.err
    assert kinds(read_model(tmp_path / "lean.tflite")) == kinds(read_model(refused_model))


def test_error_says_so_when_the_file_is_no_model(run: Run, tmp_path: Path) -> None:
    (tmp_path / "x.tflite").write_bytes(b"no model")
    assert "x.tflite" in run("lean", tmp_path / "x.tflite", "-o", tmp_path / "y.tflite").refused()


def test_rewrite_is_left_out_when_a_device_refuses_what_it_makes(source: Path) -> None:
    def judge(model: Model) -> DeviceResult:
        found = Verdict.REFUSED if "CONCATENATION" in kinds(model) else Verdict.RIGHT
        return DeviceResult("odd", "a device", found, "", 1, (), 1, None, None, 0, ())

    kept, on_device = _for_device(source, judge)
    assert kept == ()
    assert on_device.after.is_good


def test_verdict_is_shown_when_a_file_is_made_lean_for_a_device(
    run: Run, source: Path, tmp_path: Path
) -> None:
    done = run("lean", source, "-o", tmp_path / "lean.tflite", "--for", "cpu")
    assert done.status == 0, done.err
    assert "mirror-pads" in done.out
    assert "cpu: right" in done.out
    refused = run("lean", source, "-o", tmp_path / "other.tflite", "--for", "tpu").refused()
    assert "devices are cpu" in refused
