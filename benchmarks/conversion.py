r"""What ``edgeseal convert`` takes: time and memory by part, and where the time goes.

::

    python benchmarks/conversion.py
    python benchmarks/conversion.py --before OTHER/CHECKOUT --rounds 3

Random weights, float32 only, each conversion in a process of its own. With ``--before`` another
checkout of this repository converts the same parts in turn, so that the ratio holds on a busy
machine. Seconds are the fewest of the rounds. Resident memory counts pages of mapped files, which
the system may drop at any time; anonymous memory does not. The stages are those of this checkout.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

_CONSOLE = Console(width=110)
_HERE = Path(__file__).parent.parent
_PARTS = ("videoseal_0.0/detector", "videoseal_1.0/detector", "videoseal_1.0/embedder")
_MIB = 2**20


@dataclass(frozen=True, slots=True)
class _Taken:
    """What one conversion took."""

    seconds: float
    cpu_seconds: float
    resident_mib: float
    anonymous_mib: float
    file_mib: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", default=_PARTS, metavar="CARD/PART")
    parser.add_argument("--before", type=Path, help="another checkout to compare with")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--stages-of", metavar="CARD/PART", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.stages_of:
        _print_stages(*arguments.stages_of.split("/"))
        return
    _say()
    checkouts = {"now": _HERE}
    if arguments.before is not None:
        checkouts = {"before": arguments.before.resolve(), **checkouts}
    _CONSOLE.print(_table(arguments.parts, checkouts, arguments.rounds))
    for part in arguments.parts:
        command = [sys.executable, __file__, "--stages-of", part]
        subprocess.run(command, check=True, env=_environment(_HERE))


def _say() -> None:
    names = ("torch", "litert-torch", "ai-edge-litert")
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names)
    _CONSOLE.print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {versions}")


def _table(parts: list[str], checkouts: dict[str, Path], rounds: int) -> Table:
    table = Table("part", "", "s", "CPU s", "resident MiB", "anonymous MiB", "file MiB")
    for part in parts:
        runs: dict[str, list[_Taken]] = {name: [] for name in checkouts}
        for _ in range(rounds):
            for name, checkout in checkouts.items():
                runs[name].append(_converted(part, checkout))
        for name, taken in runs.items():
            table.add_row(
                part,
                name,
                f"{min(one.seconds for one in taken):.1f}",
                f"{min(one.cpu_seconds for one in taken):.1f}",
                f"{max(one.resident_mib for one in taken):.0f}",
                f"{max(one.anonymous_mib for one in taken):.0f}",
                f"{taken[0].file_mib:.1f}",
            )
    return table


def _converted(part: str, checkout: Path) -> _Taken:
    """Convert a part in a process of its own and watch it."""
    card, name = part.split("/")
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "edgeseal", "convert", card, "--part", name]
        command += ["--random-weights", "0", "--recipe", "float32", "-o", folder]
        before = _child_seconds()
        start = time.perf_counter()
        process = subprocess.Popen(
            command,
            env=_environment(checkout),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        resident, anonymous = 0.0, 0.0
        while process.poll() is None:
            found = _memory_mib(process.pid)
            resident = max(resident, found.get("VmRSS", 0.0))
            anonymous = max(anonymous, found.get("RssAnon", 0.0))
            time.sleep(0.02)
        seconds = time.perf_counter() - start
        if process.returncode != 0:
            raise SystemExit(f"{' '.join(command)}: ended with {process.returncode}")
        (file,) = Path(folder).glob("*.tflite")
        size = file.stat().st_size / _MIB
    return _Taken(seconds, _child_seconds() - before, resident, anonymous, size)


def _environment(checkout: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(checkout / "src")}


def _child_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _memory_mib(pid: int) -> dict[str, float]:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return {}
    fields = dict(line.split(":", 1) for line in lines if ":" in line)
    names = ("VmRSS", "RssAnon")
    return {name: int(fields[name].split()[0]) / 1024 for name in names if name in fields}


def _print_stages(card: str, part: str) -> None:
    """Print what the stages of one conversion take, in seconds."""
    table = Table(f"{card}/{part}: stage", "s", "peak resident MiB")
    last = time.perf_counter()
    for stage in _stages(card, part):
        now = time.perf_counter()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        table.add_row(stage, f"{now - last:.2f}", f"{peak:.0f}")
        last = time.perf_counter()
    _CONSOLE.print(table)


def _stages(card: str, part: str) -> Iterator[str]:
    """Do what ``convert_part`` does, and say what was done."""
    import torch

    yield "import torch"
    from edgeseal.tflite.graph import write_model
    from edgeseal.tflite.rewrites import lean
    from edgeseal.watermark.cards import Part, load_card
    from edgeseal.watermark.convert import ChannelsLast, exportable, lower, sample_inputs
    from edgeseal.watermark.convert._convert import describe
    from edgeseal.watermark.convert._double import results_in_double
    from edgeseal.watermark.models import random_weights
    from edgeseal.watermark.runtime import open_session

    yield "import edgeseal"
    loaded = random_weights(load_card(card), Part(part), 0)
    yield "random weights"
    module = exportable(loaded.module, loaded.card.image_size)
    samples = sample_inputs(loaded)
    yield "exported form"
    results_in_double(ChannelsLast(loaded.module), samples)
    yield "definition in double precision"
    results_in_double(module, samples)
    yield "exported form in double precision"
    torch.export.export(torch.nn.Identity(), (torch.zeros(1),))
    yield "what torch.export imports"
    model = lower(module, samples[0])
    yield "torch.export and lowering"
    lean(model)
    describe(model, loaded, recipe="float32")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.tflite"
        write_model(model, path)
        yield "writing"
        names = ("image", "message")
        session = open_session(path, part, threads=1)
        for sample in samples:
            session.run(dict(zip(names, (value.numpy() for value in sample), strict=False)))
        yield "LiteRT, two pictures"


if __name__ == "__main__":
    main()
