"""The program itself: help, version, lazy imports, and what happens when a verb fails."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer.main

import edgeseal
from cli.commands import Run
from edgeseal._extras import install_command
from edgeseal.cli import _models
from edgeseal.cli._app import app
from patience import HANG_S

VERBS = tuple(typer.main.get_command(app).commands)  # type: ignore[attr-defined]

LIGHT = """
import sys
from edgeseal.cli import main
for verb in sys.argv[1:]:
    assert main([verb, "--help"]) == 0, verb
assert main(["--help"]) == 0
heavy = {"torch", "numpy", "PIL", "ai_edge_litert", "rich.table"} & set(sys.modules)
assert not heavy, heavy
assert main(["models"]) == 0
assert main(["nothing"]) == 2
assert "torch" not in sys.modules
"""


def test_help_and_models_stay_light_when_asked_for(spawn: Run) -> None:
    done = spawn(LIGHT, *VERBS)
    assert done.status == 0, done.err
    assert all(f"Usage: edgeseal {verb}" in done.out for verb in VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_help_documents_every_option_when_asked_for(verb: str, run: Run) -> None:
    done = run(verb, "--help")
    assert done.status == 0
    assert "--json" in done.out
    options = done.out.partition("Options:")[2].strip().splitlines()
    assert all(line.startswith("  ") for line in options[1:])


def test_version_is_printed_when_run_as_a_module() -> None:
    command = [sys.executable, "-m", "edgeseal", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=HANG_S, check=True)
    assert done.stdout == f"edgeseal {edgeseal.__version__}\n"


def test_entry_point_is_main_when_installed() -> None:
    points = importlib.metadata.entry_points(group="console_scripts", name="edgeseal")
    assert {point.load() for point in points} == {edgeseal.cli.main}


@pytest.mark.parametrize("arguments", [[], ["nothing"], ["detect"], ["models", "--nothing"]])
def test_status_is_2_when_the_usage_is_wrong(arguments: list[str], run: Run) -> None:
    done = run(*arguments)
    assert done.status == 2
    assert "Usage: edgeseal" in done.err + done.out
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("failure", "message"),
    [
        (KeyboardInterrupt(), "interrupted\n"),
        (MemoryError(), "out of memory"),
        (OSError(28, "No space left on device", "/x/y [b]"), "/x/y [b]: No space left on device\n"),
    ],
)
def test_failure_is_one_line_when_the_system_refuses(
    failure: BaseException, message: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise failure

    monkeypatch.setattr(_models, "print_table", fail)
    done = run("models")
    assert done.status == 2
    assert message in done.err
    assert done.err.count("\n") == 1


def test_traceback_is_shown_when_debugging(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGESEAL_DEBUG", "1")
    done = run("inspect", "nowhere/x.tflite")
    assert done.status == 2
    assert "Traceback" in done.err
    assert done.err.rstrip().splitlines()[-1].startswith("Error: nowhere/x.tflite")


def test_fault_is_reported_with_status_2_when_a_verb_is_broken(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("broken")

    monkeypatch.setattr(_models, "new_table", fail)
    done = run("models")
    assert done.status == 2
    assert "ZeroDivisionError: broken" in done.err
    assert "fault of edgeseal" in done.err


def test_nothing_is_said_when_the_reader_goes_away() -> None:
    command = f"{sys.executable} -m edgeseal models --json | true"
    for _ in range(3):
        done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=HANG_S)
        assert done.stderr == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_full_disk_is_one_line_when_writing_results() -> None:
    command = f"{sys.executable} -m edgeseal models > /dev/full"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=HANG_S)
    assert done.returncode == 2
    assert done.stderr == "Error: No space left on device\n"


def test_control_characters_are_escaped_when_a_name_has_them(run: Run, tmp_path: Path) -> None:
    error = run("inspect", tmp_path / "x\x1b[31m[bold]y.tflite").refused()
    assert "x\\x1b[31m[bold]y.tflite: cannot be read" in error
    assert error.count("\n") == 1


BASE = """
import importlib.util, sys
find = importlib.util.find_spec
heavy = ("torch", "litert_torch", "ai_edge_quantizer")
importlib.util.find_spec = lambda name, *rest: None if name in heavy else find(name, *rest)
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in heavy:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Blocker())
from edgeseal.cli import main
detector, embedder, photos, folder = sys.argv[1:]
for arguments in (
    ["models"],
    ["inspect", detector],
    ["quantize", detector, "--recipe", "dynamic-int8", "-o", f"{folder}/q.tflite"],
    ["embed", photos, "--model", embedder, "--message", "random", "-o", f"{folder}/marked"],
    ["detect", f"{folder}/marked", "--model", f"{folder}/q.tflite"],
):
    assert main(arguments) == 0, arguments
assert main(["convert", "reference", "-o", f"{folder}/made"]) == 2
assert main(["demo", "-o", f"{folder}/demo"]) == 2
"""


def test_all_but_conversion_works_when_torch_is_missing(
    detector: Path, embedder: Path, photos: Path, tmp_path: Path, spawn: Run
) -> None:
    done = spawn(BASE, detector, embedder, photos, tmp_path)
    assert done.status == 0, done.err
    assert done.err.count(install_command("convert")) == 2
    assert "edgeseal demo needs" in done.err
    assert not (tmp_path / "made").exists()
    assert not (tmp_path / "demo").exists()
