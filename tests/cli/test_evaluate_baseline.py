"""``edgeseal evaluate --baseline``: what fails the gate, and what cannot be compared."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.commands import BITS, Run
from cli.test_evaluate import content, evaluated


@pytest.mark.parametrize("better", [False, True])
def test_status_tells_when_the_baseline_was_better(
    better: bool, run: Run, converted: Path, photos: Path, tmp_path: Path
) -> None:
    assert evaluated(run, converted, photos, tmp_path / "first").status == 0
    path = tmp_path / "first" / "report.json"
    report = content(tmp_path / "first")
    for record in report["records"]:
        for counts in record["matching"].values():
            counts[:] = [min(BITS, count + better) for count in counts]
    path.write_text(json.dumps(report))
    done = evaluated(run, converted, photos, tmp_path / "second", "--baseline", path)
    assert done.status == (1 if better else 0), done.err
    assert ("WORSE" in done.out) == better
    page = (tmp_path / "second" / "report.html").read_text()
    assert "Against the baseline" in page
    assert "the same" in page


def test_baseline_is_refused_when_nothing_can_be_compared(
    run: Run, converted: Path, photos: Path, tmp_path: Path
) -> None:
    assert evaluated(run, converted, photos, tmp_path / "first").status == 0
    report = content(tmp_path / "first")
    path = tmp_path / "other.json"
    report = json.loads(json.dumps(report).replace("tiny_detector", "another-tiny_detector"))
    path.write_text(json.dumps(report))
    error = evaluated(run, converted, photos, tmp_path / "x", "--baseline", path).refused()
    assert "has none of these models; it has another-tiny" in error
    assert not (tmp_path / "x").exists()
    path.write_text('{"schema_version": 99}')
    error = evaluated(run, converted, photos, tmp_path / "x", "--baseline", path).refused()
    assert "expected a report of schema version 1, got 99" in error
    report["schema_version"], report["attack_names"] = 1, ["melt"]
    path.write_text(json.dumps(report))
    error = evaluated(run, converted, photos, tmp_path / "x", "--baseline", path).refused()
    assert "a.png: expected 1 counts for each of another-tiny" in error
    report["models"][0]["bits"] = "many"
    path.write_text(json.dumps(report))
    error = evaluated(run, converted, photos, tmp_path / "x", "--baseline", path).refused()
    assert "models[0].bits: expected int, got str" in error
