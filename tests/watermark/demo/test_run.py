"""The demo as users run it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import edgeseal
from edgeseal.errors import OutputExistsError


@pytest.mark.slow
def test_demo_passes_and_leaves_its_files_when_run(tmp_path: Path) -> None:
    steps: list[str] = []

    class Steps(edgeseal.Progress):
        def note(self, text: str) -> None:
            steps.append(text)

    result = edgeseal.demo(tmp_path / "demo", progress=Steps())
    assert result.is_good, list(result.failures())
    assert [row.name for row in result.rows if not row.runs] == ["stock dynamic INT8"]
    assert "BATCH_MATMUL" in (result.rows[2].error or "")
    assert any("ES010" in step for step in steps)
    rows = {row.name: row.bits or {} for row in result.rows}
    assert rows["the same, repaired"]["clean"] > 0.9
    assert len(steps) > 5
    names = {path.name for path in (tmp_path / "demo").iterdir()}
    assert {"results.json", "table.md", "watermarks.png", "astronaut_marked.png"} <= names
    assert json.loads((tmp_path / "demo" / "results.json").read_text())["passed"]


def test_folder_is_left_alone_when_it_is_not_empty(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(OutputExistsError, match="not empty"):
        edgeseal.demo(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
