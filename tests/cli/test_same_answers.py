"""Both doors give the same answer: what a command prints as JSON is what its function returns."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import pytest
import typer.main

import edgeseal
from cli.commands import BITS, Run
from edgeseal import tflite
from edgeseal.cli._app import app

COMMANDS: Mapping[str, click.Command] = typer.main.get_command(app).commands  # type: ignore[attr-defined]
MESSAGE = "b" * (BITS // 4)  # hexadecimal

FEW = {"draws": 2}
QUICK = {"rounds": 1}
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "check": ("check", {"path": "{detector}"}),
    "check of a broken file": ("check", {"path": "{broken}"}),
    "check for two targets": ("check", {"path": "{quantized}", "targets": ["gpu", "npu"]}),
    "check on a device": ("check", {"path": "{detector}", "devices": ["cpu"]}),
    "repair": ("repair", {"source": "{broken}", "output": "{folder}/mended.tflite"}),
    "lean": ("lean", {"source": "{detector}", "output": "{folder}/lean.tflite"}),
    "quantize": (
        "quantize",
        {"source": "{detector}", "recipe": "weight-int8", "output": "{folder}/small.tflite"},
    ),
    "compare": ("compare", {"reference": "{detector}", "candidate": "{quantized}", **FEW}),
    "compare beyond a limit": (
        "compare",
        {"reference": "{detector}", "candidate": "{quantized}", "max_nsr": 1e-9, **FEW},
    ),
    "profile": ("profile", {"path": "{quantized}", **QUICK}),
    "reduce": ("reduce", {"source": "{broken}", "output": "{folder}/part.tflite"}),
    "bench": ("bench", {"paths": ["{detector}", "{quantized}"], **QUICK, **FEW}),
    "sensitivity": ("sensitivity", {"source": "{detector}"}),
    "inspect": ("inspect", {"path": "{quantized}", "list_operators": True}),
    "inspect of a broken file": ("inspect", {"path": "{broken}"}),
    "ranges": ("ranges", {"path": "{ranges}", "method": "percentile"}),
    "recipes": ("recipes", {"name": "hybrid-int8"}),
    "all recipes": ("recipes", {}),
    "models": ("models", {}),
    "embed": (
        "embed",
        {
            "sources": ["{photo}"],
            "model": "{embedder}",
            "output": "{folder}/marked.png",
            "message": MESSAGE,
        },
    ),
    "detect": (
        "detect",
        {"sources": ["{photo}"], "model": "{detector}", "expect": MESSAGE, "raw": True},
    ),
    "evaluate": (
        "evaluate",
        {
            "images": ["{photo}"],
            "output": "{folder}/report",
            "models": ["{detector}"],
            "embedder": "{embedder}",
            "timed": False,
            "layered": False,
        },
    ),
}
CLOCK = re.compile(
    r"^origin$|(^|_)(ms|s|seconds|latency|ratio|ratios|time|times|share|elapsed|date|memory)(_|$)"
)
"""Names of what no two runs agree on: time, memory, and when and by what a report was made."""


@pytest.fixture
def files(
    run: Run,
    detector: Path,
    embedder: Path,
    refused_model: Path,
    photos: Path,
    tmp_path: Path,
) -> dict[str, Path]:
    ranges = tmp_path / "ranges.json"
    options = ["--recipe", "hybrid-int8", "--save-ranges", ranges, "-o", tmp_path / "q.tflite"]
    assert run("quantize", detector, *options).status == 0
    return {
        "detector": detector,
        "embedder": embedder,
        "quantized": detector.with_name("tiny_detector_dynamic-int8.tflite"),
        "broken": refused_model,
        "photo": photos / "a.png",
        "ranges": ranges,
        "folder": tmp_path / "out",
    }


def filled(value: Any, files: Mapping[str, Path]) -> Any:
    """Return an argument with the names of files in it."""
    if isinstance(value, list):
        return [filled(item, files) for item in value]
    return value.format_map(files) if isinstance(value, str) else value


def in_shell(verb: str, arguments: Mapping[str, Any]) -> list[str]:
    """Return what says the same on the command line, by the command's own parameters."""
    words = [verb]
    for parameter in COMMANDS[verb].params:
        if parameter.name not in arguments:
            continue
        value = arguments[parameter.name]
        values = value if isinstance(value, list) else [value]
        if isinstance(value, bool):
            names = parameter.opts if value else parameter.secondary_opts
            words += names[:1]
        elif isinstance(parameter, click.Argument) or parameter.param_type_name == "argument":
            words += map(str, values)
        else:
            words += [word for item in values for word in (parameter.opts[0], str(item))]
    return words


def without_clock(value: Any) -> Any:
    """Return a record without what a clock says; what may be sorted by time, sorted by itself."""
    if isinstance(value, dict):
        return {k: without_clock(v) for k, v in value.items() if not CLOCK.search(k)}
    if isinstance(value, list | tuple):
        return sorted(map(without_clock, value), key=repr)
    return value


@pytest.mark.usefixtures("known_tiny")
@pytest.mark.parametrize("name", CASES)
def test_record_and_status_are_the_functions_when_a_command_runs(
    name: str, run: Run, files: dict[str, Path]
) -> None:
    verb, template = CASES[name]
    arguments = {key: filled(value, files) for key, value in template.items()}
    files["folder"].mkdir()
    result = (getattr(edgeseal, verb, None) or getattr(tflite, verb))(**arguments)
    assert str(result).strip()
    assert len(str(result).splitlines()) < 100
    shutil.rmtree(files["folder"])
    files["folder"].mkdir()
    done = run(*in_shell(verb, arguments), "--json")
    assert done.status == (0 if result.is_good else 1), done.err
    record = done.json
    assert (record.pop("schema_version"), record.pop("command")) == (1, verb)
    assert without_clock(record) == without_clock(result.to_json())
