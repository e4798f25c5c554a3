"""``edgeseal demo``, with the demo itself replaced."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from cli.commands import Run
from edgeseal.watermark.demo import DemoResult
from edgeseal.watermark.verbs import _demo
from watermark.demo.test_result import GOOD

Install = Callable[[DemoResult], None]


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Install:
    """Puts a demo with a known result in the place of the real one."""

    def put(result: DemoResult) -> None:
        def run_demo(folder: Path, *, report: Callable[[str], None]) -> DemoResult:
            report(f"into {folder}")
            return result

        monkeypatch.setitem(
            sys.modules, "edgeseal.watermark.demo", SimpleNamespace(run_demo=run_demo)
        )
        monkeypatch.setattr(_demo, "load_converter", lambda *_: None)

    return put


def test_table_and_progress_are_apart_when_all_gates_pass(
    install: Install, run: Run, tmp_path: Path
) -> None:
    install(GOOD)
    done = run("demo", "-o", tmp_path / "x")
    assert (done.status, done.err) == (0, f"into {tmp_path / 'x'}\n")
    assert "99.90%" in done.out
    (tmp_path / "file").write_text("mine")
    assert f"{tmp_path}: is not empty" in run("demo", "-o", tmp_path).refused()
    done = run("demo", "-o", tmp_path, "--overwrite", "--json")
    assert (done.status, done.err) == (0, f"into {tmp_path}\n")
    assert done.json == {"command": "demo", **GOOD.to_json()}


def test_status_is_1_when_a_gate_fails(install: Install, run: Run, tmp_path: Path) -> None:
    install(dataclasses.replace(GOOD, psnr_db={"cat": 39.9}))
    done = run("demo", "-o", tmp_path / "x")
    assert done.status == 1
    assert "99.90%" in done.out
    assert done.err.splitlines()[-1].startswith("gate failed: PSNR of cat is 39.90")


def test_output_is_refused_before_anything_is_loaded_when_it_is_a_file(
    install: Install, run: Run, tmp_path: Path
) -> None:
    install(GOOD)
    (tmp_path / "file").write_text("mine")
    assert "file is no folder" in run("demo", "-o", tmp_path / "file").refused()
    assert (tmp_path / "file").read_text() == "mine"
