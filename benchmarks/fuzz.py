r"""Damaged files: does ``check`` end, whatever they are, with findings or one clear line?

::

    python benchmarks/fuzz.py FOLDER [--count 10000] [--seed 0] [--jobs 2] [--verb check]
    python benchmarks/fuzz.py FOLDER --seed 0 --only 1234 --keep damaged.tflite

Takes the sound ``.tflite`` files below FOLDER (whatever their names end with), damages one for
each number and checks it in a child process with limits of memory and time. Counts as a fault: a
crash, a hang, memory beyond the limit, an exception that is no EdgesealError, a refusal that shows
Python's internals or takes several lines, a report that contradicts what LiteRT does with the file.
``--only`` brings one number's file back, ``--verb`` tries another verb. Exits with 1 if there are
faults.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import queue
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from edgeseal.errors import EdgesealError
from edgeseal.tflite.probe import Prober
from mutations import Source, mutate
from verdicts import VERBS, judge

_LARGEST_BYTES = 4 * 2**20  # of a source
_CHILD_BYTES = 6 * 2**30
_WORKER_BYTES = 2 * 2**30
_PEAK_MIB = 768  # that the tool may use, beyond twice the file: the largest trial takes 256
_TRIAL_S = 3.0
_LIMIT_S = 120.0
_CONSOLE = Console(width=120)


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one damaged file.

    Attributes:
        number: which with the seed brings it back.
        source: name of the sound file.
        mutation: what was done to it.
        verdict: "refused", "errors" or "no errors"; empty where the tool failed.
        detail: the refusal, or the codes.
        fault: what the tool did wrong; empty if nothing.
        seconds: for the check.
        peak_mib: memory that the tool's own process took for it.
    """

    number: int
    source: str
    mutation: str
    verdict: str
    detail: str = ""
    fault: str = ""
    seconds: float = 0.0
    peak_mib: float = 0.0


def main() -> None:
    arguments = _parse()
    if arguments.child:
        _child(arguments)
    elif arguments.only is not None:
        _bring_back(arguments)
    else:
        _run(arguments)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--verb", choices=VERBS, default="check")
    parser.add_argument("--only", type=int, help="check one number, in this process")
    parser.add_argument("--keep", type=Path, help="where --only writes the damaged file")
    parser.add_argument("--first", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    arguments: argparse.Namespace = parser.parse_args()
    return arguments


# ---------------------------------------------------------------------------------- child


class _Sources:
    """The sound files below a folder, read when they are first needed."""

    def __init__(self, folder: Path) -> None:
        files = (path for path in folder.rglob("*") if path.is_file())
        self.paths = sorted(p for p in files if 8 < p.stat().st_size <= _LARGEST_BYTES)
        self._known: dict[Path, Source | None] = {}

    def pick(self, generator: np.random.Generator) -> Source:
        while True:
            path = self.paths[int(generator.integers(len(self.paths)))]
            if path not in self._known:
                self._known[path] = _source(path)
            source = self._known[path]
            if source is not None:
                return source


def _source(path: Path) -> Source | None:
    with path.open("rb") as file:
        if file.read(8)[4:] != b"TFL3":
            return None
    try:
        return Source(path)
    except EdgesealError:
        return None


def _damaged(sources: _Sources, seed: int, number: int) -> tuple[Source, str, bytes]:
    generator = np.random.default_rng([seed, number])
    while True:
        source = sources.pick(generator)
        made = mutate(source, generator)
        if made is not None:
            return source, *made


def _child(arguments: argparse.Namespace) -> None:
    """Check one number after the other; say on stdout what comes next, then what became of it."""
    resource.setrlimit(resource.RLIMIT_AS, (_CHILD_BYTES, _CHILD_BYTES))
    sources = _Sources(arguments.folder)
    with tempfile.TemporaryDirectory() as folder, _prober() as prober:
        for number in range(arguments.first, arguments.count, arguments.jobs):
            source, mutation, data = _damaged(sources, arguments.seed, number)
            name = source.path.name
            print(json.dumps([number, name, mutation]), flush=True)
            path = Path(folder) / f"{number}.tflite"
            path.write_bytes(data)
            result = _checked((number, name, mutation), arguments.verb, path, prober)
            path.unlink()
            print(json.dumps(asdict(result)), flush=True)


def _prober() -> Prober:
    return Prober(timeout_s=_TRIAL_S, memory_limit_bytes=_WORKER_BYTES)


def _checked(key: tuple[int, str, str], verb: str, path: Path, prober: Prober) -> Result:
    _forget_peak()
    before_mib = _peak_mib()  # the sound files that were read so far
    started = time.perf_counter()
    verdict = judge(path, prober, verb)
    seconds, peak_mib = time.perf_counter() - started, _peak_mib() - before_mib
    fault = verdict.fault
    if peak_mib > _PEAK_MIB + 2 * path.stat().st_size / 2**20:
        fault = fault or f"took {peak_mib:.0f} MiB"
    return Result(*key, verdict.name, verdict.detail, fault, seconds, peak_mib)


def _forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def _peak_mib() -> float:
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


# ---------------------------------------------------------------------------------- parent


def _run(arguments: argparse.Namespace) -> None:
    started = time.perf_counter()
    results: list[Result] = []
    with ThreadPoolExecutor(arguments.jobs) as pool:
        for part in pool.map(lambda job: list(_watch(arguments, job)), range(arguments.jobs)):
            results += part
    _show(arguments, results, time.perf_counter() - started)
    sys.exit(any(result.fault for result in results))


def _watch(arguments: argparse.Namespace, first: int) -> Iterator[Result]:
    """Let children check every ``jobs``-th number, and start another one after one that ended."""
    number = first
    while number < arguments.count:
        for result in _one_child(arguments, number):
            yield result
            if result.fault:
                _CONSOLE.print(f"{result.number}: {result.fault.splitlines()[-1]}", markup=False)
            number = result.number + arguments.jobs
        if number >= arguments.count:
            return


def _one_child(arguments: argparse.Namespace, first: int) -> Iterator[Result]:
    options = ["--seed", arguments.seed, "--count", arguments.count, "--jobs", arguments.jobs]
    options += ["--verb", arguments.verb]
    command = [__file__, arguments.folder, *options, "--child", "--first", first]
    process = subprocess.Popen(
        [sys.executable, *map(str, command)],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_forward, args=(process, lines), daemon=True).start()
    announced: tuple[int, str, str] = (first, "?", "?")
    try:
        while line := lines.get(timeout=_LIMIT_S):
            record = json.loads(line)
            if isinstance(record, list):
                announced = (record[0], record[1], record[2])
            else:
                yield Result(**record)
                announced = (record["number"] + arguments.jobs, "?", "?")
        if announced[1:] == ("?", "?") and announced[0] == first:
            raise SystemExit("a child cannot start; its own words are above")
        if announced[0] < arguments.count:
            yield Result(*announced, "", fault=f"the tool ended with status {process.wait()}")
    except queue.Empty:
        yield Result(*announced, "", fault=f"no end within {_LIMIT_S:g} s")
    finally:
        if process.poll() is None:  # with the process in which LiteRT tries models
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _forward(process: subprocess.Popen[str], lines: queue.SimpleQueue[str]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        lines.put(line)
    lines.put("")


def _show(arguments: argparse.Namespace, results: list[Result], seconds: float) -> None:
    versions = ", ".join(
        f"{n} {importlib.metadata.version(n)}" for n in ("edgeseal", "ai-edge-litert")
    )
    _CONSOLE.print(
        f"{versions}, Python {platform.python_version()}, {arguments.verb}, seed {arguments.seed}"
    )
    _CONSOLE.print(
        f"{len(results)} damaged files of {len({r.source for r in results})} sound ones in "
        f"{seconds / 60:.0f} minutes by {arguments.jobs} processes"
    )
    _CONSOLE.print(_table(results))
    slowest = max(results, key=lambda result: result.seconds)
    largest = max(results, key=lambda result: result.peak_mib)
    _CONSOLE.print(f"slowest {slowest.seconds:.1f} s (number {slowest.number})")
    _CONSOLE.print(f"largest {largest.peak_mib:.0f} MiB (number {largest.number})")
    faults = [result for result in results if result.fault]
    _CONSOLE.print(f"{len(faults)} faults")
    for result in faults:
        _CONSOLE.print(f"{result.number} {result.source} {result.mutation}", markup=False)
        _CONSOLE.print(f"    {result.fault}  {result.detail}", markup=False)


def _table(results: list[Result]) -> Table:
    table = Table("mutation")
    verdicts = sorted({result.verdict or "fault" for result in results})
    for name in ("files", *verdicts):
        table.add_column(name, justify="right")
    groups: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for result in results:
        name = result.mutation if "+" not in result.mutation else "several of the graph"
        groups[name][result.verdict or "fault"] += 1
        groups["all"][result.verdict or "fault"] += 1
    for name, counts in sorted(groups.items(), key=lambda item: (item[0] == "all", item[0])):
        table.add_row(name, str(counts.total()), *(str(counts[verdict]) for verdict in verdicts))
    return table


def _bring_back(arguments: argparse.Namespace) -> None:
    source, mutation, data = _damaged(_Sources(arguments.folder), arguments.seed, arguments.only)
    print(f"{arguments.only}: {mutation} of {source.path}")
    with tempfile.TemporaryDirectory() as folder, _prober() as prober:
        path = arguments.keep or Path(folder) / "damaged.tflite"
        path.write_bytes(data)
        key = (arguments.only, source.path.name, mutation)
        print(_checked(key, arguments.verb, path, prober))


if __name__ == "__main__":
    main()
