r"""ChunkySeal at full size: 774 and 1023 million parameters, converted, quantized and run.

::

    nice python benchmarks/chunkyseal.py --part detector --folder /tmp/chunkyseal

Each stage runs in a process of its own, whose time and memory are watched: ``convert`` draws random
weights and converts them, with the proof of equality that every conversion has;
``quantize`` reads the float file and writes the INT8 one; ``run`` compares both on pink noise.
Resident memory counts the pages of mapped files, which the system may drop at any time; anonymous
memory does not.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from edgeseal.errors import RuntimeRefusalError
from edgeseal.tflite.metrics import nmse, sign_agreement
from edgeseal.watermark.cards import Part, load_card
from pink_noise import pink_noise

_CARD = "chunkyseal"
_SEED = 0
_STAGES = ("convert", "quantize", "run")
_LIMIT_GIB = 20.0
_CONSOLE = Console(width=110)


@dataclass(frozen=True, slots=True)
class _Run:
    """A stage that ended: its time, its largest memory, and what it printed."""

    seconds: float
    cpu_seconds: float
    peak_gib: float
    anonymous_gib: float
    result: str


def main() -> None:
    arguments = _parse()
    if arguments.stage:
        print(json.dumps(_run_stage(arguments)))
        return
    arguments.folder.mkdir(parents=True, exist_ok=True)
    _CONSOLE.print(f"Python {platform.python_version()}, {os.cpu_count()} cores")
    table = Table("part", "stage", "s", "CPU s", "peak GiB", "anonymous GiB", "result")
    for part in arguments.part or [one.value for one in Part]:
        for stage in arguments.only or _STAGES:
            command = [sys.executable, __file__, "--stage", stage, "--part", part]
            command += ["--folder", str(arguments.folder), "--pictures", str(arguments.pictures)]
            run = _watched(command, arguments.memory_gib)
            times = f"{run.seconds:.0f}", f"{run.cpu_seconds:.0f}"
            memory = f"{run.peak_gib:.2f}", f"{run.anonymous_gib:.2f}"
            table.add_row(part, stage, *times, *memory, run.result)
    _CONSOLE.print(table)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--part", action="append", choices=[part.value for part in Part])
    parser.add_argument("--folder", type=Path, required=True, help="needs 10 GB of space")
    parser.add_argument("--pictures", type=int, default=4)
    parser.add_argument("--memory-gib", type=float, default=_LIMIT_GIB, help="end a stage above it")
    parser.add_argument("--only", action="append", choices=_STAGES, help="stages; may be repeated")
    parser.add_argument("--stage", choices=_STAGES, help=argparse.SUPPRESS)
    return parser.parse_args()


def _watched(command: list[str], limit_gib: float) -> _Run:
    """Run a stage, and end it if its anonymous memory exceeds a limit."""
    start, cpu_before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    peaks = {"VmRSS": 0.0, "RssAnon": 0.0}

    def watch() -> None:
        while process.poll() is None:
            for name, value in _memory_gib(process.pid).items():
                peaks[name] = max(peaks.get(name, 0.0), value)
            if peaks["RssAnon"] > limit_gib:
                process.kill()
            time.sleep(0.2)

    watcher = threading.Thread(target=watch)
    watcher.start()
    output = (process.communicate()[0] or "").strip().splitlines()
    watcher.join()
    result = output[-1] if process.returncode == 0 and output else f"ended: {process.returncode}"
    if process.returncode == 0:
        facts = json.loads(result)
        result = ", ".join(f"{name} {value}" for name, value in facts.items())
    cpu = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_seconds = cpu.ru_utime + cpu.ru_stime - cpu_before.ru_utime - cpu_before.ru_stime
    seconds = time.perf_counter() - start
    return _Run(seconds, cpu_seconds, peaks["VmRSS"], peaks["RssAnon"], result)


def _memory_gib(pid: int) -> dict[str, float]:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return {}
    fields = dict(line.split(":", 1) for line in lines if ":" in line)
    names = ("VmRSS", "RssAnon")
    return {name: int(fields[name].split()[0]) / 2**20 for name in names if name in fields}


def _run_stage(arguments: argparse.Namespace) -> dict[str, Any]:
    part = Part(arguments.part[0])
    float_path = arguments.folder / f"{_CARD}_{part.value}_float32.tflite"
    int8_path = arguments.folder / f"{_CARD}_{part.value}_dynamic-int8.tflite"
    if arguments.stage == "convert":
        return _convert(part, float_path)
    if arguments.stage == "quantize":
        return _quantize(float_path, int8_path)
    return _compare(part, float_path, int8_path, arguments.pictures)


def _convert(part: Part, path: Path) -> dict[str, Any]:
    from edgeseal.tflite.graph import write_model
    from edgeseal.watermark.convert import convert_part
    from edgeseal.watermark.models import random_weights

    card = load_card(_CARD)
    conversion = convert_part(random_weights(card, part, _SEED))  # nothing else keeps the weights
    write_model(conversion.model, path, overwrite=True)
    return {
        "parameters": f"{(card.parameters(part) or 0) / 1e6:.1f} M",
        "MB": _megabytes(path),
        "rewritten - plain": f"{conversion.rewrite_difference:.1e}",
        "LiteRT - PyTorch": f"{conversion.runtime_difference:.1e}",
    }


def _quantize(source: Path, path: Path) -> dict[str, Any]:
    from edgeseal.tflite.graph import read_model, write_model
    from edgeseal.tflite.quantization import find_recipe, quantize

    model = read_model(source)
    quantize(model, find_recipe("dynamic-int8"))
    write_model(model, path, overwrite=True)
    return {"MB": _megabytes(path)}


def _compare(part: Part, float_path: Path, int8_path: Path, count: int) -> dict[str, Any]:
    int8, int8_ms = _results(part, int8_path, count)
    expected, float_ms = _results(part, float_path, count)
    facts = {"ms": f"{int8_ms:.0f} (float {float_ms:.0f})"}
    if part is Part.DETECTOR:
        found, wanted = int8[:, 1:], expected[:, 1:]
        facts["sign"] = f"{sign_agreement(found, wanted):.4f}"
    return {**facts, "NMSE": f"{nmse(int8, expected):.5f}"}


def _results(part: Part, path: Path, count: int) -> tuple[NDArray[np.float32], float]:
    from edgeseal.watermark.runtime import Message, open_session

    try:
        session = open_session(path, part.value, threads=1)
    except RuntimeRefusalError as error:
        raise SystemExit(str(error)) from error
    pictures = pink_noise(count, session.info.image_size, seed=_SEED)
    results, durations = [], []
    for index in range(count):
        inputs = {"image": pictures[index : index + 1]}
        if part is Part.EMBEDDER:
            message = Message.random(session.info.bits, seed=_SEED + index)
            inputs["message"] = message.array()[None]
        start = time.perf_counter()
        (result,) = session.run(inputs).values()
        durations.append(1e3 * (time.perf_counter() - start))
        results.append(result)
    return np.concatenate(results), float(np.median(durations))


def _megabytes(path: Path) -> str:
    return f"{path.stat().st_size / 1e6:.1f}"


if __name__ == "__main__":
    main()
