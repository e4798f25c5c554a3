r"""Commands that are killed at random moments: is anything of the user's lost, does anything stay?

::

    python benchmarks/killed.py FLOAT_DETECTOR EMBEDDER [--count 60] [--seed 0] [--verb quantize]

Runs verbs with outputs that exist already, ends each with SIGKILL at a random moment, and looks:
an output must be what it was, or whole. Then runs the same command to its end: the output must be
good, and no temporary file or folder and no process may be left. Exits with 1 if there are faults.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from edgeseal.data import photo_paths
from edgeseal.tflite.graph import read_model

_OLD = b"what was there before"
_LIMIT_S = 300.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("detector", type=Path)
    parser.add_argument("embedder", type=Path)
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--verb")
    arguments = parser.parse_args()
    generator = random.Random(arguments.seed)
    verbs = _verbs(arguments.detector.resolve(), arguments.embedder.resolve())
    names = [arguments.verb] if arguments.verb else sorted(verbs)
    durations: dict[str, float] = {}
    counts: Counter[str] = Counter()
    faults = 0
    for number in range(arguments.count):
        name = names[number % len(names)]
        with tempfile.TemporaryDirectory() as folder:
            case = _Case(Path(folder), *verbs[name])
            if name not in durations:
                durations[name] = case.run(None)
                case.reset()
            moment = generator.uniform(0, durations[name])
            case.run(moment)
            problems = case.problems_after_kill()
            case.run(None)
            problems += case.problems_at_end()
        counts[name] += 1
        faults += bool(problems)
        for problem in problems:
            print(f"{number}: {name}, killed after {moment:.2f} s: {problem}", flush=True)
    for name, count in sorted(counts.items()):
        print(f"{name:9} {count:4} times within {durations[name]:.1f} s")
    print(f"{counts.total()} commands killed, {faults} faults")
    sys.exit(faults > 0)


Outputs = dict[str, Callable[[Path], object]]


class _Case:
    """One command in a folder of its own."""

    def __init__(self, folder: Path, command: list[str], outputs: Outputs) -> None:
        self.work, self.temporary = folder / "work", folder / "tmp"
        self.command, self.outputs = command, outputs
        self.environment = {**os.environ, "TMPDIR": str(self.temporary)}
        self.environment["EDGESEAL_CACHE"] = str(folder / "cache")
        self.reset()

    def reset(self) -> None:
        for path in (self.work, self.temporary):
            shutil.rmtree(path, ignore_errors=True)
            path.mkdir()
        for place, photo in enumerate(photo_paths()[:3]):
            with Image.open(photo) as picture:
                picture.convert("RGB").resize((96, 96)).save(self.work / f"photo{place}.png")
        for name in self.outputs:
            (self.work / name).parent.mkdir(exist_ok=True)
            (self.work / name).write_bytes(_OLD)

    def run(self, moment_s: float | None) -> float:
        """Run it, to the end or to a moment; returns the seconds."""
        started = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "edgeseal", *self.command],
            cwd=self.work,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        try:
            self.said = process.communicate(timeout=moment_s or _LIMIT_S)[1].decode()
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
        self.status = process.returncode
        return time.perf_counter() - started

    def problems_after_kill(self) -> list[str]:
        """Return the outputs that are neither what they were nor whole."""
        found = []
        for name, read in self.outputs.items():
            path = self.work / name
            if not path.exists():
                found.append(f"{name} is gone")
            elif path.read_bytes() != _OLD and not name.endswith(".jsonl"):
                found += _unreadable(path, read)
        return found

    def problems_at_end(self) -> list[str]:
        """Return what is wrong after the next run."""
        found = (
            [] if self.status in (0, 1) else [f"the next run ended with {self.status}: {self.said}"]
        )
        for name, read in self.outputs.items():
            found += _unreadable(self.work / name, read)
        left = [*self.work.rglob(".*"), *self.temporary.iterdir()]
        found += [f"left over: {path.name}" for path in left]
        return found + [f"left over: {line}" for line in self._processes()]

    def _processes(self) -> list[str]:
        """Return the processes of this case that are still there, after a moment to end."""
        for _ in range(50):
            found = []
            for process in Path("/proc").glob("[0-9]*"):
                try:
                    if str(self.temporary).encode() in (process / "environ").read_bytes():
                        found.append((process / "cmdline").read_text().replace("\0", " "))
                except OSError:
                    continue
            if not found:
                return []
            time.sleep(0.1)
        return found


def _unreadable(path: Path, read: Callable[[Path], object]) -> list[str]:
    try:
        read(path)
    except Exception as error:
        return [f"{path.name} is not whole: {error}"]
    return []


def _verbs(detector: Path, embedder: Path) -> dict[str, tuple[list[str], Outputs]]:
    """Return commands, with their outputs and what reads these."""
    over = "--overwrite"
    model, files = str(detector), ["photo0.png", "photo1.png", "photo2.png"]
    marks = ["embed", *files, "--model", str(embedder), "--message", "random", "-o", "marked"]
    return {
        "check": (["check", model], {}),
        "compare": (["compare", model, model, "--plot", "p.svg", over], {"p.svg": _text}),
        "detect": (
            ["detect", *files, "--model", model, "--jsonl", "d.jsonl", over],
            {"d.jsonl": _lines},
        ),
        "embed": ([*marks, over], {f"marked/{name}": _picture for name in files}),
        "lean": (["lean", model, "-o", "l.tflite", over], {"l.tflite": read_model}),
        "page": (["inspect", model, "--html", "i.html", over], {"i.html": _text}),
        "quantize": (
            ["quantize", model, "--recipe", "dynamic-int8", "-o", "q.tflite", over],
            {"q.tflite": read_model},
        ),
        "full": (
            [
                "quantize",
                model,
                "--recipe",
                "full-int8",
                "--save-ranges",
                "r.json",
                "-o",
                "q.tflite",
                over,
            ],
            {"q.tflite": read_model, "r.json": _json},
        ),
        "repair": (["repair", model, "-o", "r.tflite", over], {}),
    }


def _text(path: Path) -> None:
    text = path.read_text(encoding="utf-8").rstrip()
    if not text.endswith((">", "}")):
        raise ValueError(text[-40:])


def _json(path: Path) -> None:
    json.loads(path.read_bytes())


def _lines(path: Path) -> None:
    lines = path.read_text().splitlines()
    if len([json.loads(line) for line in lines]) != 3:
        raise ValueError(f"{len(lines)} lines")


def _picture(path: Path) -> None:
    with Image.open(path) as picture:
        picture.load()


if __name__ == "__main__":
    main()
