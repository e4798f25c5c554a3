"""``edgeseal check`` as a user meets it."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cli.commands import Run
from edgeseal.tflite.graph import new_operator, read_model, write_model
from graphs import constant, model_of, value
from tflite.diagnosis.fixtures import FIXTURES


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    path = tmp_path / "broken.tflite"
    write_model(FIXTURES["ES010"].build(), path)
    return path


def test_status_is_one_and_the_cause_is_named_when_a_model_cannot_run(
    run: Run, broken: Path
) -> None:
    done = run("check", broken)
    assert done.status == 1
    assert "cannot be prepared" in done.out
    assert "ES010 error: INT8 constant on the left of BATCH_MATMUL" in done.out
    assert "batch_matmul.cc" in done.out  # the kernel's own words
    assert re.search(
        r"node 0 BATCH_MATMUL\(const INT8\[1, 3, 4\], FLOAT32\[1, 4, 2\]\) "
        r"-> FLOAT32\[1, 3, 2\]  y",
        done.out,
    )


def test_record_holds_the_nodes_when_printed_as_json(run: Run, broken: Path) -> None:
    record = run("check", broken, "--json").json
    assert (record["schema_version"], record["command"]) == (1, "check")
    assert (record["prepares"], record["runs"]) == (False, None)
    (finding,) = record["findings"]
    assert (finding["code"], finding["level"], finding["mendable"]) == ("ES010", "error", True)
    (node,) = finding["nodes"]
    assert node["kind"] == "BATCH_MATMUL"
    assert node["inputs"][0] == {
        "name": "table",
        "type": "INT8",
        "shape": [1, 3, 4],
        "constant": True,
    }


def test_status_is_zero_when_a_model_runs(run: Run, detector: Path) -> None:
    done = run("check", detector)
    assert done.status == 0
    assert "prepares, runs" in done.out


def test_pictures_are_what_it_runs_on_when_they_are_given(run: Run, tmp_path: Path) -> None:
    # a divisor that reaches zero on black pictures alone
    image, y = value("image", [1, 4, 4, 3]), value("y", [1, 4, 4, 3], "INT8", 0.1)
    stored = value("stored", [1, 4, 4, 3], "INT8", 1 / 255, -128)
    divide = new_operator("DIV", [stored, stored], [y], fusedActivationFunction=0)
    path = tmp_path / "divide.tflite"
    write_model(model_of([image], [y], [new_operator("QUANTIZE", [image], [stored]), divide]), path)
    for name, level in (("black", 0), ("white", 255)):
        Image.fromarray(np.full((8, 8, 3), level, np.uint8)).save(tmp_path / f"{name}.png")
    white = run("check", path, "--images", tmp_path / "white.png")
    black = run("check", path, "--images", tmp_path / "black.png")
    assert (white.status, black.status) == (0, 1)
    assert "ES012 error" in black.out
    assert "data[i] != zero_point" in black.out


def test_error_lists_the_inputs_when_pictures_do_not_fit(
    run: Run, broken: Path, tmp_path: Path
) -> None:
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(tmp_path / "black.png")
    said = run("check", broken, "--images", tmp_path / "black.png").refused()
    assert "x FLOAT32 [1, 4, 2]" in said


def test_codes_are_explained_when_asked_for(run: Run) -> None:
    done = run("check", "--codes")
    assert done.status == 0
    assert "## ES010" in done.out


def test_nothing_is_run_when_it_is_only_prepared(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "zero.tflite"
    write_model(FIXTURES["ES012"].build(), path)
    assert run("check", path).status == 1
    done = run("check", path, "--prepare-only")
    assert done.status == 0
    assert "prepares;" in done.out


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"not a flatbuffer at all", "not a .tflite model"),
        (b"\x14\x00\x00\x00ABCD" + bytes(40), "not a .tflite model"),
        (b"\x14\x00\x00\x00TFL3" + bytes(40), "damaged"),
        (b"\xff\xff\xff\x7fTFL3" + bytes(40), "damaged"),
    ],
    ids=["empty", "text", "another schema", "zeros", "offset beyond the end"],
)
def test_error_is_one_line_when_the_file_is_no_model(
    run: Run, tmp_path: Path, content: bytes, words: str
) -> None:
    path = tmp_path / "bad.tflite"
    path.write_bytes(content)
    said = run("check", path).refused()
    assert words in said
    assert len(said.strip().splitlines()) == 1


def test_error_is_one_line_when_the_file_is_3_gb_of_zeros(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "large.tflite"
    with path.open("wb") as file:
        file.write(b"\x14\x00\x00\x00TFL3")
        file.truncate(3 * 10**9)  # sparse: takes no room
    said = run("check", path).refused()
    assert "damaged" in said


def test_error_is_one_line_when_there_is_no_file(run: Run, tmp_path: Path) -> None:
    assert "cannot be read" in run("check", tmp_path / "missing.tflite").refused()
    assert "is a folder; give a file" in run("check", tmp_path).refused()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_error_is_one_line_when_the_file_is_locked(run: Run, broken: Path) -> None:
    broken.chmod(0)
    assert "Permission denied" in run("check", broken).refused()


def test_error_is_one_line_when_an_operator_comes_from_the_future(run: Run, broken: Path) -> None:
    data = broken.read_bytes()
    code = data.find((126).to_bytes(4, "little"))  # BATCH_MATMUL in the operator code
    assert code > 0
    broken.write_bytes(data[:code] + (9999).to_bytes(4, "little") + data[code + 4 :])
    said = run("check", broken).refused()
    assert "9999" in said
    assert "newer ai-edge-litert" in said


def test_device_is_asked_when_it_is_named(run: Run, tmp_path: Path) -> None:
    x, y = value("x", [1, 4]), value("y", [1, 4])
    write_model(model_of([x], [y], [new_operator("ABS", [x], [y])]), tmp_path / "m.tflite")
    done = run("check", tmp_path / "m.tflite", "--on", "cpu")
    assert done.status == 0
    assert "cpu: right" in done.out
    record = run("check", tmp_path / "m.tflite", "--on", "cpu", "--json").json
    assert record["devices"][0]["verdict"] == "right"


def test_device_is_refused_when_it_is_unknown_or_other_options_contradict(
    run: Run, broken: Path
) -> None:
    assert "devices are cpu, gpu" in run("check", broken, "--on", "tpu").refused()
    assert "leave --target" in run("check", broken, "--on", "cpu", "--target", "npu").refused()
    done = run("check", broken, "--on", "cpu")
    assert done.status == 2
    assert "does not run on this processor" in done.err


@pytest.mark.parametrize("given", ["x=1x8x8x3", "1x8x8x3"])
def test_sizes_are_taken_when_the_file_leaves_them_open(
    run: Run, tmp_path: Path, given: str
) -> None:
    x, y = value("x", (1, 1, 1, 3)), value("y", (1, 1, 1, 3))
    size = constant("k", np.ones((3, 2, 2, 3), np.float32))
    layer = new_operator(
        "CONV_2D", [x, size, constant("b", np.zeros(3, np.float32))], [y],
        padding=1, strideH=1, strideW=1, dilationHFactor=1, dilationWFactor=1,
        fusedActivationFunction=0,
    )  # fmt: skip
    path = tmp_path / "open.tflite"
    write_model(model_of([x], [y], [layer]), path)
    opened = read_model(path)
    for tensor in (*opened.main.inputs, *opened.main.outputs):
        tensor.raw.shapeSignature = np.full(4, -1, np.int32)
    write_model(opened, path, overwrite=True)
    assert run("check", path).status == 1
    assert run("check", path, "--input-shape", given).status == 0
    done = run("profile", path, "--rounds", "1")
    assert (done.status, "x [1, 1, 1, 3]: --input-shape says them" in done.err) == (1, True)
    assert run("compare", path, path).status == 1  # no output could be compared
    assert "got 'x=1xax3'" in run("check", path, "--input-shape", "x=1xax3").err
