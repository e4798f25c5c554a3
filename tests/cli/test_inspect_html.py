"""``edgeseal inspect --html``."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from cli.commands import Run
from edgeseal._extras import install_command


def test_page_shows_findings_when_written(run: Run, refused_model: Path, tmp_path: Path) -> None:
    output = tmp_path / "graph.html"
    done = run("inspect", refused_model, "--html", output)
    assert done.status == 0, done.err
    assert f"{output}  " in done.out
    assert "BATCH_MATMUL" in done.out  # what inspect prints anyway
    page = output.read_text(encoding="utf-8")
    assert '"code":"ES010"' in page
    assert [path.name for path in tmp_path.glob("*.html")] == ["graph.html"]


def test_findings_are_left_out_when_no_check_is_wanted(
    run: Run, refused_model: Path, tmp_path: Path
) -> None:
    output = tmp_path / "graph.html"
    record = run("inspect", refused_model, "--html", output, "--no-check", "--json").json
    assert record["html"] == {"path": str(output), "size_bytes": output.stat().st_size}
    assert record["model"]["subgraphs"] == 1
    assert '"findings":[]' in output.read_text(encoding="utf-8")


def test_errors_and_times_are_on_the_page_when_asked_for(
    run: Run, detector: Path, tmp_path: Path
) -> None:
    output = tmp_path / "graph.html"
    done = run("inspect", detector, "--html", output, "--float", detector, "--time", "--no-check")
    assert done.status == 0, done.err
    page = output.read_text(encoding="utf-8")
    for name in ("error (own)", "error (arriving)", "error (leaving)", "time"):
        assert f'"name":"{name}"' in page


def test_page_has_to_be_named_when_errors_are_to_show(run: Run, refused_model: Path) -> None:
    assert "--html" in run("inspect", refused_model, "--float", refused_model).refused()


def test_no_page_is_told_when_none_is_wanted(run: Run, refused_model: Path) -> None:
    assert "html" not in run("inspect", refused_model, "--json").json


def test_page_is_kept_when_overwriting_was_not_asked_for(
    run: Run, refused_model: Path, tmp_path: Path
) -> None:
    output = tmp_path / "graph.html"
    output.write_text("mine")
    arguments = ["inspect", refused_model, "--html", output, "--no-check"]
    assert "exists already" in run(*arguments).refused()
    assert output.read_text() == "mine"
    assert run(*arguments, "--overwrite").status == 0
    assert output.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_model_is_kept_when_it_is_named_as_the_page(run: Run, refused_model: Path) -> None:
    before = refused_model.read_bytes()
    error = run("inspect", refused_model, "--html", refused_model, "--overwrite").refused()
    assert "is an input itself" in error
    assert refused_model.read_bytes() == before


@pytest.mark.parametrize("output", ["missing/graph.html", "."])
def test_output_is_refused_before_any_work_when_it_cannot_be_written(
    run: Run, tmp_path: Path, output: str
) -> None:
    run("inspect", tmp_path / "no such model", "--html", tmp_path / output).refused()


def test_nothing_is_written_when_the_model_is_none(run: Run, tmp_path: Path) -> None:
    path, output = tmp_path / "notes.tflite", tmp_path / "graph.html"
    path.write_bytes(b"hello, I am a text\n")
    assert f"{path}: not a .tflite model" in run("inspect", path, "--html", output).refused()
    assert not output.exists()


def test_extra_is_named_when_the_library_is_missing(
    run: Run, refused_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "xstatic.pkg.dagre", None)
    output = tmp_path / "graph.html"
    error = run("inspect", refused_model, "--html", output).refused()
    assert install_command("view") in error
    assert not output.exists()
    monkeypatch.undo()
    assert run("inspect", refused_model).status == 0  # all else works without it
