r"""Whether check, repair and round trips hold on every version of ai-edge-litert we support.

::

    python benchmarks/runtime_versions.py [--versions 2.1.0 2.1.6 2.3.0] [--environments FOLDER]
        [--more FILE ...]

Makes small naive detectors with the environment it runs in, which needs the extra ``convert``.
Then, for each version, makes an environment with the base install of Edgeseal and that version,
and there checks every fixture of ``tests/tflite/diagnosis``, checks and repairs the detectors, and
reads, writes and runs every file again. Prints the table of ``docs/runtime-versions.md``; exits
with 1 if the versions differ, or something does not hold.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import numpy as np

from edgeseal.tflite.diagnosis import Level, check_file
from edgeseal.tflite.graph import read_model, write_model
from edgeseal.tflite.probe import Prober, draw
from edgeseal.tflite.repairs import repair_file

_ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(_ROOT / "tests"))  # for the fixtures and the naive detectors

_VERSIONS = ("2.1.0", "2.1.6", "2.3.0")
_NAIVE = {"dynamic.tflite": "naive dynamic INT8 detector", "int16.tflite": "naive INT16 model"}
_SOURCES = ("float.tflite", "attention.tflite")  # what the naive ones were quantized from
_HOLDS = "found"
_CRASHING = ("ES003", "ES004", "ES008", "copy")  # nothing to compare; the copy itself

Rows = dict[str, str]


def main() -> None:
    arguments = _parse()
    if arguments.inside is not None:
        print(json.dumps(_measure(arguments.inside)))
        return
    with tempfile.TemporaryDirectory() as temporary:
        models = Path(temporary) / "models"
        models.mkdir()
        _make_naive(models)
        for path in arguments.more:
            (models / path.name).symlink_to(path.resolve())
        folder = arguments.environments or Path(temporary)
        columns = {v: _measure_with(v, folder, models) for v in arguments.versions}
    _show(columns)
    sys.exit(any(_is_bad(name, columns) for name in next(iter(columns.values()))))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--versions", nargs="+", default=_VERSIONS)
    parser.add_argument("--environments", type=Path, help="where to keep the environments")
    parser.add_argument("--more", nargs="+", type=Path, default=(), help="other files to repair")
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    arguments: argparse.Namespace = parser.parse_args()
    return arguments


def _make_naive(folder: Path) -> None:
    naive = import_module("naive")
    naive.naive_dynamic(naive.naive_float(folder))
    naive.naive_int16(folder)


def _measure_with(version: str, folder: Path, models: Path) -> Rows:
    """Measure in an environment of its own."""
    environment = folder / f"litert-{version}"
    python = environment / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    install: list[str | Path] = [
        python,
        "-m",
        "pip",
        "install",
        "--quiet",
        f"ai-edge-litert=={version}",
        _ROOT,
    ]
    subprocess.run(install, check=True, stdout=sys.stderr)
    done = subprocess.run(
        [python, __file__, "--inside", models],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
    )
    rows: Rows = json.loads(done.stdout.splitlines()[-1])
    return rows


# ---------------------------------------------------------------------------------- inside


def _measure(models: Path) -> Rows:
    rows = {"Python, numpy": f"{platform.python_version()}, {importlib.metadata.version('numpy')}"}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for code, fixture in sorted(import_module("tflite.diagnosis.fixtures").FIXTURES.items()):
            path = folder / f"{code}.tflite"
            write_model(fixture.build(), path)
            rows[f"check: {code}"] = _found(code, path)
        for path in sorted(models.iterdir()):
            if path.name not in _SOURCES:
                title = _NAIVE.get(path.name, path.name)
                rows |= dict(_repaired(title, path, folder / path.name))
        rows["read and written again: same outputs"] = _round_trips(folder)
    return rows


def _found(code: str, path: Path) -> str:
    """Return whether a check finds what a fixture shows, at its operators, and no other error."""
    fixture = import_module("tflite.diagnosis.fixtures").FIXTURES[code]
    found = check_file(path, samples=fixture.samples, timeout_s=fixture.timeout_s).findings
    kinds = [n.operator.kind for finding in found if finding.code == code for n in finding.nodes]
    errors = {finding.code for finding in found if finding.level is Level.ERROR} - {code}
    is_there = any(finding.code == code for finding in found) and tuple(kinds) == fixture.kinds
    if is_there and errors <= fixture.also:
        return _HOLDS
    return ", ".join(dict.fromkeys(finding.code for finding in found)) or "nothing is found"


def _repaired(title: str, path: Path, output: Path) -> Iterator[tuple[str, str]]:
    result = repair_file(path)
    errors = [finding for finding in result.before.findings if finding.level is Level.ERROR]
    found = ", ".join(f"{finding.code} at {len(finding.nodes)}" for finding in errors)
    yield f"check: {title}", found or "no error"
    write_model(result.model, output)
    yield f"repaired: {title}", "runs" if result.after.runs else "does not run"


def _round_trips(folder: Path) -> str:
    """Return how many files give the same outputs, or the same refusal, once read and written."""
    files = [path for path in sorted(folder.glob("*.tflite")) if path.stem not in _CRASHING]
    same = 0
    with Prober(timeout_s=10) as prober:
        for path in files:
            model, copy = read_model(path), folder / "copy.tflite"
            write_model(model, copy, overwrite=True)
            generator = np.random.default_rng(0)
            inputs = [draw(tensor, generator) for tensor in model.main.inputs]
            given = tuple(array for array in inputs if array is not None)
            one, other = prober.run(path, given), prober.run(copy, given)
            outputs = [[array.tobytes() for array in o.outputs] for o in (one, other)]
            is_same = (one.status, one.message) == (other.status, other.message)
            same += is_same and outputs[0] == outputs[1]
    return f"{same} of {len(files)}"


# ---------------------------------------------------------------------------------- outside


def _is_bad(name: str, columns: dict[str, Rows]) -> bool:
    """Whether versions differ in a row, or a fixture's finding is not found."""
    if name.startswith("check: ES") and any(rows[name] != _HOLDS for rows in columns.values()):
        return True
    return len({rows[name] for rows in columns.values()}) > 1


def _show(columns: dict[str, Rows]) -> None:
    print(f"| | {' | '.join(columns)} |")
    print("|---|" + "---|" * len(columns))
    for name in next(iter(columns.values())):
        print(f"| {name} | {' | '.join(rows[name] for rows in columns.values())} |")


if __name__ == "__main__":
    main()
