r"""A corpus through `edgeseal scan`: its parts by time, its memory, and what kills do to its rows.

::

    python benchmarks/scan.py time DETECTOR FOLDER [--rounds 3]
    python benchmarks/scan.py memory DETECTOR PICTURE [--items 1000 100000]
    python benchmarks/scan.py killed DETECTOR FOLDER [--count 20] [--seed 0]
    python benchmarks/scan.py ray DETECTOR FOLDER [--pictures 2000] [--rounds 3]
    python benchmarks/scan.py nodes DETECTOR FOLDER [--pictures 2000]

`time`: milliseconds a picture on one core for reading the file, decoding it, resizing it and the
model, each alone and in turn; then whole scans with one worker and with one for each core, without
the start of their processes. `memory`: the most that a scan and its workers have resident, for tar
files of so many members, all of them one picture. `killed`: scans that are killed at random moments
(the whole of it, or one worker) and run again until they end, against one that was left alone.
Exits with 1 if rows differ. `ray`: so many pictures, those of a folder again and again, read by
worker processes, by the same number of actors on a Ray cluster on this machine, and by Ray Data, in
turn; with the start of workers, without that of the cluster. `nodes`: the same on clusters of one
node, of two and so on, as many as this machine has cores, each node with room for one actor.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import io
import os
import platform
import random
import signal
import subprocess
import sys
import tarfile
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
from edgeseal.watermark.scan import Item, Reading, read_item, read_items
from edgeseal.watermark.scan._ray_workers import ray_workers

_LIMIT_S = 600.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    verbs = parser.add_subparsers(required=True)
    for work in (_time, _memory, _killed, _ray, _nodes):
        verb = verbs.add_parser(work.__name__.removeprefix("_"))
        verb.add_argument("detector", type=Path)
        verb.add_argument("source", type=Path)
        verb.set_defaults(work=work)
        verb.add_argument("--rounds", type=int, default=3)
        verb.add_argument("--items", type=int, nargs="+", default=[1000, 100_000])
        verb.add_argument("--count", type=int, default=20)
        verb.add_argument("--seed", type=int, default=0)
        verb.add_argument("--pictures", type=int, default=2000)
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
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in steps}
    scans: dict[int, list[tuple[float, float]]] = {count: [] for count in sorted({1, cores()})}
    for _ in range(arguments.rounds):
        for name, (work, items) in steps.items():
            began = time.perf_counter(), time.process_time()
            for item in items:
                work(item)
            ends = time.perf_counter(), time.process_time()
            found[name].append((ends[0] - began[0], ends[1] - began[1]))
        for count, times in scans.items():
            times.append(_scanned(arguments.detector, paths, count))
    print(f"{arguments.detector.name}, {len(paths)} pictures, best of {arguments.rounds} rounds")
    print("each: ms a picture and of the model alone; then the same by processor time")
    model, one = _best(found["model"]), _best(found["all of it"])
    for name, spent in found.items():
        print(f"{name}:", *(_compared(spent, which, model, len(paths)) for which in (0, 1)))
    print("each: ms a picture and of cores x one core; then processor time, and one core's in it")
    for count, spent in scans.items():
        wall, busy = _best(spent)
        ms = 1e3 / len(paths)
        print(f"scan, {count} workers: {ms * wall:.2f} {one[0] / wall / count:.2f}", end="; ")
        print(f"{ms * busy:.2f} {one[1] / busy:.2f}")


def _best(spent: list[tuple[float, float]]) -> tuple[float, float]:
    return min(wall for wall, _ in spent), min(busy for _, busy in spent)


def _compared(
    spent: list[tuple[float, float]], which: int, model: tuple[float, float], count: int
) -> str:
    best = _best(spent)[which]
    return f"{1e3 * best / count:.2f} {best / model[which]:.2f}" + ";" * (which == 0)


def _scanned(detector: Path, paths: list[Path], workers: int) -> tuple[float, float]:
    """Return the seconds of a scan, and those of cores that this process and the workers took.

    Others are read before, until all workers are warm, and behind: they work ahead.
    """
    reading = Reading.with_model(detector)
    warm = [Item("another", str(paths[0]))] * 8 * workers
    items = [*warm, *(Item(str(path), str(path)) for path in paths), *warm]
    rows = read_items(reading, items, workers=workers, timeout_s=_LIMIT_S)
    with contextlib.closing(rows):
        for _ in range(len(warm)):
            next(rows)
        began, busy = time.perf_counter(), _busy()
        assert all(next(rows).error is None for _ in paths)
        return time.perf_counter() - began, _busy() - busy


def _busy() -> float:
    """Return the seconds of processor time of this process and its children."""
    ticks = 0
    for pid in _family(os.getpid()):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _memory(arguments: argparse.Namespace) -> None:
    peaks = []
    picture = arguments.source.read_bytes()
    digits = -(-load_detector(arguments.detector).info.bits // 4)
    for count in arguments.items:
        with tempfile.TemporaryDirectory() as name:
            source = Path(name) / "shard.tar"
            with tarfile.open(source, "w") as tar:
                for number in range(count):
                    member = tarfile.TarInfo(f"{number:07}{arguments.source.suffix}")
                    member.size = len(picture)
                    tar.addfile(member, io.BytesIO(picture))
            began = time.monotonic()
            expect = ["--expect", "0" * digits]  # faster than a search for payloads
            out = Path(name) / "out"
            with _started(arguments.detector, source, out, *expect) as process:
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
        few = ["--part-rows", "10"]
        with _started(arguments.detector, arguments.source, folder / "whole", *few) as process:
            process.wait(_LIMIT_S)
        lasts = time.monotonic() - began
        expected = _rows(folder / "whole")
        faults = kills = runs = 0
        while kills < arguments.count:
            out = folder / f"out{runs}"
            is_killed = True
            while is_killed:
                with _started(arguments.detector, arguments.source, out, *few) as process:
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


def _ray(arguments: argparse.Namespace) -> None:
    given = _repeated(arguments)
    reading = Reading.with_model(arguments.detector)
    with ray_workers("local") as (start, workers):

        def read(start: Callable[[], Any] | None) -> list[str]:
            items = (Item(*names) for names in given)
            rows = read_items(reading, items, workers=workers, timeout_s=_LIMIT_S, start=start)
            return sorted(str(dataclasses.replace(row, seconds=0)) for row in rows)

        ways: dict[str, Callable[[], list[str]]] = {
            "processes": lambda: read(None),
            "actors on Ray": lambda: read(start),
            "Ray Data": lambda: _by_ray_data(reading, given, workers),
        }
        times: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(arguments.rounds):
            found = []
            for name, way in ways.items():
                began = time.perf_counter()
                found.append(way())
                times[name].append(time.perf_counter() - began)
            assert found[0] == found[1] == found[2]
    for name, seconds in times.items():
        ratio = min(seconds) / min(times["processes"])
        ms = 1e3 * min(seconds) / len(given)
        print(f"{name}: {ms:.2f} ms a picture, {ratio:.2f} of processes ({workers} workers)")


def _nodes(arguments: argparse.Namespace) -> None:
    from ray.cluster_utils import Cluster

    reading = Reading.with_model(arguments.detector)
    times: list[float] = []
    for count in range(1, cores() + 1):
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
        for _ in range(count - 1):
            cluster.add_node(num_cpus=1)
        with ray_workers(cluster.address) as (start, workers):
            assert workers == count
            items = (Item(*names) for names in _repeated(arguments))
            began = time.perf_counter()
            rows = read_items(reading, items, workers=count, timeout_s=_LIMIT_S, start=start)
            assert all(row.error is None for row in rows)
            times.append(time.perf_counter() - began)
        cluster.shutdown()
        ms, share = 1e3 * times[-1] / arguments.pictures, times[0] / times[-1] / count
        print(f"{count} nodes: {ms:.2f} ms a picture, {share:.2f} of {count} times one")


def _repeated(arguments: argparse.Namespace) -> list[tuple[str, str]]:
    """Return names and paths of so many pictures, those of the folder again and again."""
    paths = find_pictures(arguments.source)
    return [(str(n), str(paths[n % len(paths)])) for n in range(arguments.pictures)]


def _by_ray_data(reading: Reading, given: list[tuple[str, str]], workers: int) -> list[str]:
    import ray.data

    class Reader:
        def __call__(self, batch: dict[str, Any]) -> dict[str, list[str]]:
            names = zip(*batch.values(), strict=True)
            items = [Item(str(name), str(path)) for name, path in names]
            rows = [dataclasses.replace(read_item(reading, item), seconds=0) for item in items]
            return {"row": list(map(str, rows))}

    ray.data.DataContext.get_current().enable_progress_bars = False
    rows = [{"name": name, "path": path} for name, path in given]
    whole = ray.data.from_items(rows).map_batches(Reader, batch_size=8, concurrency=workers)
    return sorted(row["row"] for row in whole.iter_rows())


def _kill(pid: int, generator: random.Random) -> None:
    """Kill a scan, or one of its workers, which it has to survive."""
    children = [child for child in _family(pid) if child != pid]
    victim = generator.choice([pid, *children[:1]])
    with contextlib.suppress(ProcessLookupError):
        os.kill(victim, signal.SIGKILL)


@contextlib.contextmanager
def _started(
    detector: Path, source: Path, out: Path, *options: str
) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "edgeseal", "scan", source, "--model", detector, "-o", out]
    command += options
    with (
        out.with_suffix(".log").open("w") as log,
        subprocess.Popen(list(map(str, command)), stdout=log, stderr=log) as process,
    ):
        yield process


def _watched(process: subprocess.Popen[bytes]) -> Iterator[int]:
    """Yield the resident bytes of a process and its children until it ends."""
    while process.poll() is None:
        yield sum(map(_resident, _family(process.pid)))
        time.sleep(0.05)


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
