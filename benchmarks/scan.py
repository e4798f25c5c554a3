r"""A corpus through `edgeseal scan`: its parts by time, its memory, and what kills do to its rows.

::

    python benchmarks/scan.py time DETECTOR FOLDER [--rounds 3]
    python benchmarks/scan.py memory DETECTOR PICTURE [--items 1000 20000]
    python benchmarks/scan.py killed DETECTOR FOLDER [--count 20] [--seed 0]

`time`: milliseconds a picture on one core for reading the file, decoding it, resizing it and the
model, each alone and in turn; then whole scans with one worker and with one for each core, without
the start of their processes. `memory`: the most that a scan and its workers have resident, for
folders of so many names of one picture. `killed`: scans that are killed at random moments (the
whole of it, or one worker) and run again until they end, against one that was left alone. Exits
with 1 if rows differ.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import platform
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from PIL import Image

from edgeseal.pictures import find_pictures
from edgeseal.pictures._small import _SPARE, read_small
from edgeseal.pictures._workers import cores
from edgeseal.watermark.runtime import load_detector
from edgeseal.watermark.scan import Item, Reading, read_items

_LIMIT_S = 600.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    verbs = parser.add_subparsers(required=True)
    for name, work in {"time": _time, "memory": _memory, "killed": _killed}.items():
        verb = verbs.add_parser(name)
        verb.add_argument("detector", type=Path)
        verb.add_argument("source", type=Path)
        verb.set_defaults(work=work)
        verb.add_argument("--rounds", type=int, default=3)
        verb.add_argument("--items", type=int, nargs="+", default=[1000, 20_000])
        verb.add_argument("--count", type=int, default=20)
        verb.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    print(f"Python {platform.python_version()}, {platform.machine()}, {cores()} cores")
    arguments.work(arguments)


def _time(arguments: argparse.Namespace) -> None:
    detector = load_detector(arguments.detector)
    paths = find_pictures(arguments.source)
    files = [path.read_bytes() for path in paths]
    size = detector.info.image_size
    small = [read_small(file, size)[None] for file in files]

    def decode(file: bytes) -> None:
        with Image.open(io.BytesIO(file)) as image:
            image.draft(image.mode, (int(_SPARE * size),) * 2)
            image.load()

    steps: dict[str, tuple[Callable[[Any], object], Sequence[Any]]] = {
        "reading the file": (Path.read_bytes, paths),
        "decoding": (decode, files),
        "decoding and resizing": (lambda file: read_small(file, size), files),
        "model": (detector.logits, small),
        "all of it": (detector.detect, paths),
    }
    found: dict[str, list[float]] = {name: [] for name in steps}
    scans: dict[int, list[float]] = {count: [] for count in sorted({1, cores()})}
    for _ in range(arguments.rounds):
        for name, (work, items) in steps.items():
            began = time.perf_counter()
            for item in items:
                work(item)
            found[name].append(time.perf_counter() - began)
        for count, times in scans.items():
            times.append(_scanned(arguments.detector, paths, count))
    ms = {name: 1e3 * min(times) / len(paths) for name, times in found.items()}
    print(f"{arguments.detector.name}, {len(paths)} pictures, best of {arguments.rounds} rounds")
    for name, value in ms.items():
        print(f"{name}: {value:.2f} ms a picture, {value / ms['model']:.2f} of the model alone")
    for count, times in scans.items():
        value = 1e3 * min(times) / len(paths)
        rate = ms["all of it"] / value / count
        print(f"scan, {count} workers: {value:.2f} ms a picture, {rate:.2f} of cores x one core")


def _scanned(detector: Path, paths: list[Path], workers: int) -> float:
    """Return the seconds of a scan from the time on when all workers are warm."""
    reading = Reading(str(detector), None, 1e-6, True, False, 1)
    warm = [Item(f"warm {number}", str(paths[0])) for number in range(8 * workers)]
    items = [*warm, *(Item(str(path), str(path)) for path in paths)]
    rows = read_items(reading, items, workers=workers, timeout_s=_LIMIT_S)
    with contextlib.closing(rows):
        for _ in range(len(warm)):
            next(rows)
        began = time.perf_counter()
        assert all(row.error is None for row in rows)
        return time.perf_counter() - began


def _memory(arguments: argparse.Namespace) -> None:
    peaks = []
    for count in arguments.items:
        with tempfile.TemporaryDirectory(dir=arguments.source.parent) as name:
            folder = Path(name) / "in"
            folder.mkdir()
            for number in range(count):
                (folder / f"{number:07}{arguments.source.suffix}").hardlink_to(arguments.source)
            began = time.monotonic()
            with _started(arguments.detector, folder, Path(name) / "out") as process:
                peaks.append(max(_watched(process)))
            assert process.returncode == 0
        rate = count / (time.monotonic() - began)
        print(f"{count} items: {peaks[-1] / 2**20:.1f} MiB at most, {rate:.0f} items a second")
    print(f"largest / smallest: {max(peaks) / min(peaks):.3f}")


def _killed(arguments: argparse.Namespace) -> None:
    generator = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        began = time.monotonic()
        with _started(arguments.detector, arguments.source, folder / "whole") as process:
            process.wait(_LIMIT_S)
        lasts = time.monotonic() - began
        expected = _rows(folder / "whole")
        faults = kills = runs = 0
        while kills < arguments.count:
            out = folder / f"out{runs}"
            is_killed = True
            while is_killed:
                with _started(arguments.detector, arguments.source, out) as process:
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        process.wait(generator.uniform(0.2, 1.0) * lasts)
                    is_killed = process.poll() is None
                    if is_killed:
                        kills += 1
                        _kill(process.pid, generator)
                        process.wait(_LIMIT_S)
                        is_killed = process.returncode < 0
            runs += 1
            if (found := _rows(out)) != expected:
                faults += 1
                print(
                    f"status {process.returncode}, {len(found)} rows, {len(set(found))} different"
                )
                print(out.with_suffix(".log").read_text()[-300:])
        print(f"{kills} kills, {len(expected)} rows; of {runs} outputs differ: {faults}")
    sys.exit(faults > 0)


def _kill(pid: int, generator: random.Random) -> None:
    """Kill a scan, or one of its workers, which it has to survive."""
    children = [child for child in _family(pid) if child != pid]
    victim = generator.choice([pid, *children[:1]])
    with contextlib.suppress(ProcessLookupError):
        os.kill(victim, signal.SIGKILL)


@contextlib.contextmanager
def _started(detector: Path, source: Path, out: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "edgeseal", "scan", source, "--model", detector, "-o", out]
    command += ["--part-rows", "10" if len(list(source.iterdir())) < 1000 else "1000"]
    with (
        out.with_suffix(".log").open("w") as log,
        subprocess.Popen(list(map(str, command)), stdout=log, stderr=log) as process,
    ):
        yield process


def _watched(process: subprocess.Popen[bytes]) -> Iterator[int]:
    """Yield the resident bytes of a process and its children until it ends."""
    while process.poll() is None:
        yield sum(map(_resident, _family(process.pid)))
        time.sleep(0.2)


def _family(pid: int) -> list[int]:
    found = [pid]
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                found += _family(int(child))
    return found


def _resident(pid: int) -> int:
    """Return the bytes that are a process's own, shared pages by their share."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return 1024 * int(line.split()[1])
    return 0


def _rows(out: Path) -> list[str]:
    """Return the rows of an output without their times, in the order of their names."""
    tables = [pq.read_table(path).to_pylist() for path in sorted(out.glob("part-*.parquet"))]
    rows = [{**row, "seconds": 0} for table in tables for row in table]
    return sorted(map(str, rows))


if __name__ == "__main__":
    main()
