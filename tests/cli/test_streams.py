"""Commands whose standard streams are closed, as a scheduler or a service may start them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from patience import HANG_S


def run_closed(closed: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    script = f"import sys; sys.path[:0] = {sys.path!r}; from edgeseal.cli import main; "
    shell = ["sh", "-c", f'exec "$0" "$@" {closed}', sys.executable, "-c"]
    command = [*shell, script + "sys.exit(main())", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=HANG_S)


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_command_does_its_work_when_streams_are_closed(
    closed: str, detector: Path, photos: Path, tmp_path: Path
) -> None:
    lines = tmp_path / "out.jsonl"
    done = run_closed(closed, "detect", photos, "--model", detector, "--jsonl", lines)
    said = "" if "2>&-" in closed else "3 of 3 pictures read\n"
    assert (done.returncode, done.stderr) == (0, said)
    assert [json.loads(line)["error"] for line in lines.read_text().splitlines()] == [None] * 3


@pytest.mark.parametrize(("debug", "shown"), [("", False), ("1", True)])
def test_warnings_of_libraries_are_shown_when_debugging(
    debug: str, shown: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = (
        f"import sys, warnings; sys.path[:0] = {sys.path!r}; import edgeseal.cli._app as app; "
        "app.app.command('warn')(lambda: warnings.warn('of a library', FutureWarning)); "
        "from edgeseal.cli import main; sys.exit(main())"
    )
    monkeypatch.setenv("EDGESEAL_DEBUG", debug)
    command = [sys.executable, "-c", script, "warn"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=HANG_S)
    assert (done.returncode, "of a library" in done.stderr) == (0, shown)


def test_error_has_its_status_when_streams_are_closed(tmp_path: Path) -> None:
    missing = tmp_path / "missing.tflite"
    done = run_closed("<&- >&- 2>&-", "check", missing)
    assert done.returncode == 2
    assert "missing.tflite: cannot be read" in run_closed("<&- >&-", "check", missing).stderr
