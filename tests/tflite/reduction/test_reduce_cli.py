"""``edgeseal reduce``: what it prints, writes and exits with."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edgeseal.cli import main
from edgeseal.tflite.graph import Model, new_operator, read_model, write_model
from graphs import constant, model_of, value
from patience import HANG_S, wait_until

SCRIPT = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from edgeseal.cli import main
sys.exit(main(sys.argv[1:]))
"""


def matmul(*, broken: bool) -> Model:
    x, y, z = value("x", [1, 4, 2]), value("y", [1, 3, 2]), value("z", [1, 3, 2])
    table = np.arange(1, 13, dtype=np.int8 if broken else np.float32).reshape(1, 3, 4)
    left = constant("table", table, scale=0.01 if broken else None)
    product = new_operator("BATCH_MATMUL", [left, x], [y], adjX=False, adjY=False)
    return model_of([x], [z], [product, new_operator("NEG", [y], [z])])


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    write_model(matmul(broken=True), tmp_path / "broken.tflite")
    return tmp_path / "broken.tflite"


@pytest.fixture
def good(tmp_path: Path) -> Path:
    write_model(matmul(broken=False), tmp_path / "good.tflite")
    return tmp_path / "good.tflite"


def reduce(*arguments: object) -> int:
    return main(["reduce", *map(str, arguments)])


def test_report_is_printed_and_file_written_when_a_fault_is_reduced(
    broken: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "part.tflite"
    assert reduce(broken, "-o", output) == 0
    captured = capsys.readouterr()
    for text in (
        "### ES010",
        "> tflite/kernels/batch_matmul.cc",
        "1 of 2 operators of broken.tflite; none of the model's weights",
        "INT8 [1, 1, 1] constant, scale 0.01, zero point 0 `table`",
        "ai-edge-litert 2.",
        "```python",
        "interpreter.allocate_tensors()",
    ):
        assert text in captured.out
    assert "trials" in captured.err
    assert [operator.kind for operator in read_model(output).operators()] == ["BATCH_MATMUL"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken.tflite", "part.tflite"]


def test_record_is_printed_when_json_is_asked_for(
    broken: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "part.tflite"
    assert reduce(broken, "-o", output, "--json", "--finding", "ES010", "--node", "0") == 0
    record = json.loads(capsys.readouterr().out)
    assert record["schema_version"] == 1
    assert record["command"] == "reduce"
    assert record["paths"] == [str(output)]
    assert record["operators_before"] == 2
    assert len(record["operators"]) == len(record["tensors"]) == 1
    assert record["size_bytes"] == output.stat().st_size
    assert record["kept_weight_bytes"] == 0
    assert record["cut_short"] is False


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ([], "no finding of level error"),
        (["--finding", "ES020"], "no finding ES020"),
        (["--against-fallback"], "within 0.01"),
        (["--command", f"{sys.executable} -S -c '' {{}}"], "exits with 0"),
    ],
)
def test_status_is_one_when_there_is_nothing_to_reduce(
    options: list[str],
    text: str,
    good: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert reduce(good, "-o", tmp_path / "part.tflite", *options) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert text in captured.err
    assert [path.name for path in tmp_path.iterdir()] == ["good.tflite"]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--finding", "ES999"], "ES999: no code of a finding"),
        (["--node", "one"], "one: no node"),
        (["--node", "9"], "node 9: the subgraph has 2 operators"),
        (["--finding", "ES010", "--against-fallback"], "ask for different faults"),
        (["--command", "true"], "has no {}"),
        (["--command", "true 'x"], "No closing quotation"),
        (["--float", "missing.tflite"], "missing.tflite: cannot be read"),
    ],
)
def test_usage_error_is_one_line_when_options_make_no_sense(
    options: list[str],
    text: str,
    broken: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert reduce(broken, "-o", tmp_path / "part.tflite", *options) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    errors = [line for line in captured.err.splitlines() if line.startswith("Error: ")]
    assert len(errors) == 1
    assert text in errors[0]
    assert not (tmp_path / "part.tflite").exists()


def test_files_are_kept_when_they_exist(
    broken: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert reduce(broken, "-o", broken) == 2
    (tmp_path / "part.npz").write_text("mine")
    assert reduce(broken, "-o", tmp_path / "part.tflite") == 2
    assert "part.npz: exists already" in capsys.readouterr().err
    assert (tmp_path / "part.npz").read_text() == "mine"
    assert reduce(broken, "-o", tmp_path / "part.tflite", "--overwrite") == 0
    assert (tmp_path / "part.npz").read_text() == "mine"  # this reduction has none


def test_damaged_file_is_refused_when_it_cannot_be_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "text.tflite").write_text("no model at all")
    assert reduce(tmp_path / "text.tflite", "-o", tmp_path / "part.tflite") == 2
    assert "not a .tflite model" in capsys.readouterr().err


def test_nothing_is_left_when_a_reduction_is_interrupted(good: Path, tmp_path: Path) -> None:
    started = tmp_path / "started"
    code = f"import pathlib, time; pathlib.Path({str(started)!r}).touch(); time.sleep({HANG_S})"
    command = f'{sys.executable} -S -c "{code}" {{}}'
    arguments = ["reduce", str(good), "-o", str(tmp_path / "part.tflite"), "--command", command]
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path), "PATH": ""},
    ) as process:
        wait_until(started.exists)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=HANG_S)
    assert (process.returncode, out) == (2, "")
    assert err.splitlines()[-1] == "interrupted"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["good.tflite", "started"]
