"""``edgeseal compare``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cli.commands import Run
from edgeseal.tflite.graph import Buffer, Tensor, new_operator, read_model, write_model
from graphs import model_of, value


@pytest.fixture
def quantized(converted: Path) -> Path:
    return converted / "tiny_detector_dynamic-int8.tflite"


def test_errors_name_their_modules_when_a_detector_is_quantized(
    run: Run, detector: Path, quantized: Path
) -> None:
    done = run("compare", detector, quantized, "--draws", 3, "--top", 4)
    assert done.status == 0, done.err
    lines = done.out.splitlines()
    assert lines[0].startswith("output: NSR ")
    assert lines[0].endswith("; 3 samples")
    assert "sign agreement" in lines[0]
    record = run("compare", detector, quantized, "--draws", 3, "--json").json
    worst = max(record["operators"], key=lambda o: (o["own"] or {"nsr": 0})["nsr"])
    assert worst["kind"] in ("FULLY_CONNECTED", "CONV_2D", "BATCH_MATMUL")
    assert worst["module"].split(".")[0] in ("patch_embed", "0", "1", "neck", "decoder", "head")
    row = next(line for line in lines if line.split()[0] == str(worst["number"]))
    assert row.split()[1] == worst["kind"]
    assert row.endswith(worst["module"])
    rest = sum(o["own"] is not None for o in record["operators"]) - 4
    assert lines[-1] == f"and {rest} more; --all lists them all"


def test_record_is_complete_when_printed_as_json(run: Run, detector: Path, quantized: Path) -> None:
    record = run("compare", detector, quantized, "--json").json
    assert (record["schema_version"], record["command"], record["samples"]) == (1, "compare", 2)
    assert record["reference"] == {"path": str(detector), "refusal": None}
    assert record["candidate"]["path"] == str(quantized)
    count = len(read_model(quantized).main.operators)
    assert [operator["number"] for operator in record["operators"]] == list(range(count))
    (output,) = record["outputs"]
    assert 0 < output["nsr"] < 0.1
    assert output["snr_db"] == pytest.approx(-10 * np.log10(output["nsr"]))
    assert 0.5 < output["sign_agreement"] <= 1
    assert all(operator["matched"] for operator in record["operators"])
    measured = [operator for operator in record["operators"] if operator["leaving"]]
    kinds = [one["kind"] for one in record["operators"] if not one["leaving"]]
    # The terms of the first layer, which their sum stands for, and constants that are widened.
    assert len([kind for kind in kinds if kind != "DEQUANTIZE"]) == 2
    for part in ("own", "arriving", "leaving"):
        assert set(measured[0][part]) == {"nsr", "snr_db", "max_abs", "not_finite"}


def test_everything_is_zero_when_a_file_is_compared_with_itself(run: Run, detector: Path) -> None:
    done = run("compare", detector, detector, "--draws", 1, "--max-nsr", 0, "--all")
    assert done.status == 0
    assert "NSR 0," in done.out
    count = len(read_model(detector).main.operators)
    numbers = [line.split()[0] for line in done.out.splitlines()]
    assert numbers.count("0") == 1
    assert str(count - 1) in numbers


@pytest.mark.parametrize("sort", ["own", "arriving", "leaving"])
def test_operators_are_sorted_by_the_error_asked_for(
    sort: str, run: Run, detector: Path, quantized: Path
) -> None:
    arguments = ["compare", detector, quantized, "--draws", 1]
    operators = run(*arguments, "--json").json["operators"]
    measured = [o for o in operators if o[sort] is not None]
    worst = max(measured, key=lambda o: (o[sort]["nsr"], -o["number"]))
    lines = run(*arguments, "--sort", sort, "--top", 1).out.splitlines()
    assert lines[-2].split()[0] == str(worst["number"])


def test_gate_decides_the_exit_status_when_a_limit_is_given(
    run: Run, detector: Path, quantized: Path
) -> None:
    arguments = ["compare", detector, quantized, "--draws", 1]
    assert run(*arguments, "--max-nsr", 0.5).status == 0
    done = run(*arguments, "--max-nsr", 1e-9, "--json")
    assert done.status == 1
    assert "gate: NSR" in done.err
    assert done.json["max_nsr"] == 1e-9


def test_pictures_are_used_when_a_folder_is_given(
    run: Run, detector: Path, quantized: Path, photos: Path
) -> None:
    record = run("compare", detector, quantized, "--images", photos, "--json").json
    assert record["samples"] == 3
    one = run("compare", detector, quantized, "--images", photos / "a.png", "--json").json
    assert one["samples"] == 1
    assert one["outputs"][0]["max_abs"] <= record["outputs"][0]["max_abs"]


def test_plot_is_written_when_asked_for(
    run: Run, detector: Path, quantized: Path, tmp_path: Path
) -> None:
    plot = tmp_path / "errors.html"
    arguments = ["compare", detector, quantized, "--draws", 1, "--plot", plot]
    assert run(*arguments).status == 0
    page = plot.read_text(encoding="utf-8")
    assert "<svg" in page
    assert "neck.conv" in page
    assert "exists already" in run(*arguments).refused()
    assert run(*arguments, "--overwrite").status == 0
    other = ["compare", detector, quantized, "--plot", tmp_path / "errors.gif"]
    assert ".svg or .html" in run(*other).refused()


def test_operators_are_compared_when_one_file_cannot_run(
    run: Run, refused_model: Path, tmp_path: Path
) -> None:
    model = read_model(refused_model)
    table = model.main.operators[0].inputs[0]
    assert table is not None
    table.buffer, table.dtype = Buffer.of(np.full((1, 4, 4), 0.1, np.float32)), "FLOAT32"
    table.quantization = None
    write_model(model, tmp_path / "float.tflite")
    done = run("compare", tmp_path / "float.tflite", refused_model)
    assert done.status == 0
    assert f"{refused_model} does not run as a whole: " in done.out
    assert "1 operator of " in done.out
    record = run("compare", tmp_path / "float.tflite", refused_model, "--json").json
    assert "batch_matmul" in record["candidate"]["refusal"]
    assert record["operators"][0]["own"] is None
    assert "batch_matmul" in record["operators"][0]["failure"]
    assert record["outputs"][0]["nsr"] < 1e-10


def test_json_stays_valid_when_a_result_is_not_a_number(run: Run, tmp_path: Path) -> None:
    for name, kind in (("a", "ABS"), ("b", "NEG")):
        x, m, y = value("x", [4]), value("m", [4]), value("y", [4])
        operators = [new_operator(kind, [x], [m]), new_operator("SQRT", [m], [y])]
        write_model(model_of([x], [y], operators), tmp_path / f"{name}.tflite")
    arguments = ["compare", tmp_path / "a.tflite", tmp_path / "b.tflite", "--draws", 1]
    done = run(*arguments, "--json")
    assert done.status == 1  # whatever the gate, there is nothing to say that it is good
    (output,) = done.json["outputs"]
    assert (output["not_finite"], output["nsr"], output["nmse_img"]) == (4, None, None)
    assert run(*arguments).out.startswith("output: NSR not finite")
    assert run(*arguments, "--max-nsr", 100).status == 1


def test_files_are_refused_when_they_are_of_other_graphs(
    run: Run, detector: Path, foreign: Path, not_quantizable: Path
) -> None:
    assert run("compare", detector, foreign, "--draws", 1).status == 0
    error = run("compare", detector, not_quantizable).refused()
    assert f"{not_quantizable}: has other inputs than {detector}" in error


def test_pictures_are_refused_when_the_model_takes_none(
    run: Run, not_quantizable: Path, photos: Path
) -> None:
    arguments = ["compare", not_quantizable, not_quantizable]
    assert "pictures need one input" in run(*arguments, "--images", photos).refused()
    error = run(*arguments, "--images", photos, "--draws", 2).refused()
    assert "give one of them" in error


def test_strings_do_not_count_when_files_hold_them(run: Run, tmp_path: Path) -> None:
    x, y = Tensor("x", (1,), "STRING"), Tensor("y", (1, 1), "STRING")
    shape = Tensor("s", (2,), "INT32", Buffer.of(np.ones(2, np.int32)))
    model = model_of([x], [y], [new_operator("RESHAPE", [x, shape], [y])])
    path = tmp_path / "text.tflite"
    write_model(model, path)
    done = run("compare", path, path, "--draws", 1)
    assert done.status == 0, done.err
    assert "no output could be compared" in done.out
    assert run("compare", path, path, "--draws", 1, "--max-nsr", 1).status == 1
