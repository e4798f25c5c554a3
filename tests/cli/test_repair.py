"""``edgeseal repair`` as a user meets it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cli.commands import Run
from edgeseal import tflite
from edgeseal.cli._repair import _show
from edgeseal.tflite.graph import read_model, write_model
from edgeseal.tflite.repairs import Companion, OutputAgreement
from graphs import kinds
from graphs import run as run_model
from tflite.diagnosis.fixtures import FIXTURES


def written(code: str, folder: Path) -> Path:
    path = folder / f"{code}.tflite"
    write_model(FIXTURES[code].build(), path)
    return path


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    return written("ES010", tmp_path)


def test_file_runs_and_the_change_is_listed_when_it_is_mended(
    run: Run, broken: Path, tmp_path: Path
) -> None:
    done = run("repair", broken, "-o", tmp_path / "out.tflite")
    assert done.status == 0
    assert "1 BATCH_MATMUL computed in float, quantized constants dequantized in place" in done.out
    assert "runs" in done.out.splitlines()[0]
    [x] = read_model(tmp_path / "out.tflite").main.inputs
    run_model(read_model(tmp_path / "out.tflite"), np.ones(x.shape, np.float32))


def test_record_holds_changes_and_both_reports_when_printed_as_json(
    run: Run, broken: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.tflite"
    record = run("repair", broken, "-o", out, "--json", "--float", broken).json
    assert (record["schema_version"], record["command"]) == (1, "repair")
    [change] = record["changes"]
    assert (change["code"], change["names"]) == ("ES010", ["y"])
    assert record["before"]["prepares"] is False
    assert record["after"]["runs"] is True
    assert record["after"]["path"] == str(out)
    assert record["size_bytes"] == out.stat().st_size
    assert record["float_agreement"] is None  # the companion does not run either
    assert record["unmended"] == []


def test_status_is_one_and_the_file_is_written_when_an_error_is_left(
    run: Run, tmp_path: Path
) -> None:
    done = run("repair", written("ES001", tmp_path), "-o", tmp_path / "out.tflite")
    assert done.status == 1
    assert "nothing was changed" in done.out
    assert "not mended: ES001 the operator cannot be prepared: 1 RESHAPE" in done.out
    assert "written, but not good yet" in done.err
    assert (tmp_path / "out.tflite").exists()


def test_outputs_are_told_to_be_the_same_when_the_repair_is_exact(run: Run, tmp_path: Path) -> None:
    done = run("repair", written("ES022", tmp_path), "-o", tmp_path / "out.tflite")
    assert done.status == 0
    assert "outputs are those before, to the bit" in done.out


def test_integer_kernels_are_taken_when_they_are_preferred(
    run: Run, broken: Path, tmp_path: Path
) -> None:
    run("repair", broken, "-o", tmp_path / "out.tflite", "--prefer", "integer")
    assert kinds(read_model(tmp_path / "out.tflite")) == ["BATCH_MATMUL", "TRANSPOSE"]


def test_file_is_kept_when_overwriting_was_not_asked_for(
    run: Run, broken: Path, tmp_path: Path
) -> None:
    (tmp_path / "out.tflite").write_bytes(b"mine")
    assert "--overwrite" in run("repair", broken, "-o", tmp_path / "out.tflite").refused()
    assert (tmp_path / "out.tflite").read_bytes() == b"mine"
    assert run("repair", broken, "-o", tmp_path / "out.tflite", "--overwrite").status == 0


def test_companion_is_refused_before_any_work_when_it_is_of_another_graph(
    run: Run, broken: Path, not_quantizable: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.tflite"
    done = run("repair", broken, "--float", not_quantizable, "-o", out)
    assert (done.status, done.out) == (2, "")
    assert f"Error: {broken}: has other inputs than {not_quantizable}: " in done.err
    assert "give two files of the same graph" in done.err
    assert not out.exists()


def test_error_names_the_preferences_when_one_is_unknown(
    run: Run, broken: Path, tmp_path: Path
) -> None:
    done = run("repair", broken, "-o", tmp_path / "out.tflite", "--prefer", "speed")
    assert "accuracy, integer" in done.refused()


def test_error_is_one_line_when_the_file_is_no_model(run: Run, tmp_path: Path) -> None:
    (tmp_path / "text.tflite").write_text("a text of some length")
    done = run("repair", tmp_path / "text.tflite", "-o", tmp_path / "out.tflite")
    assert "not a .tflite model" in done.refused()
    assert not (tmp_path / "out.tflite").exists()


FAR, SAME = OutputAgreement(0.0123, 0.98765, False), OutputAgreement(0.0, 1.0, True)
NOTHING = OutputAgreement(None, None, False)


@pytest.fixture(scope="module")
def mended(tmp_path_factory: pytest.TempPathFactory) -> tflite.RepairedFile:
    folder = tmp_path_factory.mktemp("mended")
    return tflite.repair(written("ES022", folder), folder / "out.tflite")


@pytest.mark.parametrize(
    ("agreement", "companion", "said"),
    [
        (None, None, []),
        (SAME, None, ["outputs are those before, to the bit"]),
        (
            FAR,
            Companion(FAR, SAME),
            [
                "outputs differ from those before: NMSE 0.012, 0.9877 of the signs agree",
                "against the float model: NMSE 0, 1.0000 of the signs agree (before: NMSE 0.012, "
                "0.9877 of the signs agree)",
            ],
        ),
        (
            NOTHING,
            Companion(None, NOTHING),
            [
                "outputs differ from those before: NMSE undefined",
                "against the float model: NMSE undefined (before: did not run)",
            ],
        ),
        (
            None,
            Companion(None, None),
            ["against the float model: cannot be compared: one of them does not run"],
        ),
    ],
)
def test_outputs_are_compared_in_words_as_far_as_both_files_run(
    agreement: OutputAgreement | None,
    companion: Companion | None,
    said: list[str],
    mended: tflite.RepairedFile,
    capsys: pytest.CaptureFixture[str],
) -> None:
    result = replace(mended.result, agreement=agreement, companion=companion)
    _show(replace(mended, result=result))
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.startswith(("outputs", "against"))] == said


def test_purpose_stands_for_a_code_when_a_change_mends_no_finding(
    mended: tflite.RepairedFile, capsys: pytest.CaptureFixture[str]
) -> None:
    from edgeseal.tflite.repairs import FOR_DEVICES

    [change, *_] = mended.result.changes
    changes = (
        replace(change, rewrite=FOR_DEVICES[0].name, code=None),
        replace(change, rewrite="other", code=None),
    )
    _show(replace(mended, result=replace(mended.result, changes=changes)))
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [row[1] for row in rows if row[:1] == [FOR_DEVICES[0].name]] == ["device"]
    assert [row[1] for row in rows if row[:1] == ["other"]] == ["accuracy"]
