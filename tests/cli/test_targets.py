"""``edgeseal check --target`` as a user meets it."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.commands import Run
from edgeseal.tflite.graph import new_operator, write_model
from graphs import model_of, value


@pytest.fixture
def square(tmp_path: Path) -> Path:
    """A float model that GPUs take and NPUs do not."""
    x, y = value("x", [1, 4, 4, 2]), value("y", [1, 4, 4, 2])
    path = tmp_path / "square.tflite"
    operator = new_operator("MUL", [x, x], [y], fusedActivationFunction=0)
    write_model(model_of([x], [y], [operator]), path)
    return path


def test_status_is_zero_when_the_target_takes_everything(run: Run, square: Path) -> None:
    done = run("check", square, "--target", "gpu", "--target", "cpu")
    assert done.status == 0
    assert "gpu: 1 of 1 operators, 0 fall back" in done.out
    assert "published rules, not a measurement" in done.out
    assert "cpu: 1 of 1 operators in 1 piece, 0 fall back" in done.out


def test_status_is_one_and_reasons_are_listed_when_operators_fall_back(
    run: Run, square: Path
) -> None:
    done = run("check", square, "--target", "ethos-u85", "--macs", "512")
    assert done.status == 1
    assert "ethos-u85: 0 of 1 operators, 1 fall back" in done.out
    assert "estimate for Ethos-U85-512" in done.out
    assert "MUL" in done.out
    assert "Float32" in done.out


def test_record_holds_every_target_when_printed_as_json(run: Run, square: Path) -> None:
    done = run("check", square, "--target", "npu", "--target", "ethos-u85", "--json")
    assert done.status == 1
    record = done.json
    assert (record["schema_version"], record["command"]) == (1, "check")
    npu, ethos = record["targets"]
    assert (npu["target"], npu["basis"], npu["good"], npu["estimate"]) == (
        "npu",
        "rules",
        False,
        None,
    )
    (found,) = npu["fallbacks"]
    assert (found["number"], found["kind"], found["reason"]) == (0, "MUL", "FLOAT32 values")
    assert ethos["estimate"]["accelerator"] == "Ethos-U85-256"


def test_targets_are_listed_when_there_is_no_such_one(run: Run, square: Path) -> None:
    said = run("check", square, "--target", "tpu").refused()
    assert "cpu, gpu, npu, ethos-u85" in said


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--macs", 256], "--macs goes with --target ethos-u85"),
        (["--target", "gpu", "--macs", 256], "--macs goes with --target ethos-u85"),
        (["--target", "gpu", "--prepare-only"], "without --target"),
        (["--float", "x.tflite"], "--float goes with --on"),
        (["--target", "gpu", "--images", "x.png"], "without --target"),
        (["--prepare-only", "--images", "x.png"], "give one of them"),
    ],
)
def test_option_is_refused_when_it_would_change_nothing(
    run: Run, square: Path, options: list[object], message: str
) -> None:
    assert message in run("check", square, *options).refused()
