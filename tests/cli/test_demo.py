"""``edgeseal demo``, with the demo itself replaced."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.table import Table

from cli.commands import Run
from edgeseal.cli import _demo


class _Result:
    def __init__(self, *failures: str) -> None:
        self.passed = not failures
        self._failures = failures

    def failures(self) -> tuple[str, ...]:
        return self._failures

    def table(self) -> Table:
        table = Table("detector")
        table.add_row("tiny")
        return table

    def to_json(self) -> dict[str, Any]:
        return {"passed": self.passed}


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Callable[[_Result], None]:
    """Puts a demo with a known result in the place of the real one."""

    def put(result: _Result) -> None:
        def run_demo(folder: Path, *, overwrite: bool, report: Callable[[str], None]) -> _Result:
            report(f"{folder} {overwrite}")
            return result

        monkeypatch.setitem(
            sys.modules, "edgeseal.watermark.demo", SimpleNamespace(run_demo=run_demo)
        )
        monkeypatch.setattr(_demo, "load_converter", lambda *_: None)

    return put


def test_table_and_progress_are_apart_when_all_gates_pass(
    install: Callable[[_Result], None], run: Run
) -> None:
    install(_Result())
    done = run("demo")
    assert (done.status, done.err) == (0, "edgeseal-demo False\n")
    assert "tiny" in done.out
    done = run("demo", "-o", "x", "--overwrite", "--json")
    assert (done.status, done.err) == (0, "x True\n")
    assert done.json == {"schema_version": 1, "command": "demo", "passed": True}


def test_status_is_1_when_a_gate_fails(install: Callable[[_Result], None], run: Run) -> None:
    install(_Result("too slow"))
    done = run("demo")
    assert done.status == 1
    assert "tiny" in done.out
    assert done.err.endswith("gate failed: too slow\n")


def test_output_is_refused_before_anything_is_loaded_when_it_is_a_file(
    install: Callable[[_Result], None], run: Run, tmp_path: Path
) -> None:
    install(_Result())
    (tmp_path / "file").write_text("mine")
    assert "file is no folder" in run("demo", "-o", tmp_path / "file").refused()
    assert (tmp_path / "file").read_text() == "mine"
