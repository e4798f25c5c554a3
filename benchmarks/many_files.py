r"""A folder of many small pictures: whether memory grows, and what kills do to a run.

::

    python benchmarks/many_files.py EMBEDDER DETECTOR [--counts 1000 10000] [--kills 5] \
        [--verb embed]

For each number of files and each verb a row: peak memory of the process, lines that it printed
(with ``--jsonl FILE``), and the last of these. Then the run of the smallest number is killed
(SIGKILL) again and again, each time at a random moment after its first result, and gone on with by
``--resume``: the marked files and the results have to be those of the run that was left alone.
Exits with 1 if they are not. Linux only.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from PIL import Image

from edgeseal.data import photo_paths

_SIDE = 192
_IN_A_FOLDER = 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("embedder", type=Path)
    parser.add_argument("detector", type=Path)
    parser.add_argument("--counts", type=int, nargs="+", default=[1000, 10_000])
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--verb", choices=["embed", "detect"])
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    verbs = [arguments.verb] if arguments.verb else ["embed", "detect"]
    generator = random.Random(arguments.seed)
    is_equal = True
    print("verb, files: peak MiB, lines printed, the last", flush=True)
    with tempfile.TemporaryDirectory() as name:
        for count in arguments.counts:
            folder = Path(name, str(count))
            _write_pictures(folder / "in", count)
            for verb in verbs:
                command = _command(verb, arguments, folder)
                status, peak_mib, said, seconds = _run(command("whole"))
                assert status == 0, said
                print(f"{verb}, {count}: {peak_mib:.0f}, {len(said)}, {said[-1]}", flush=True)
                if arguments.kills and count == min(arguments.counts):
                    part = seconds / arguments.kills
                    kills = [generator.uniform(0, part) for _ in range(arguments.kills)]
                    statuses = [_run(command("killed"), kill)[0] for kill in kills]
                    status, _, said, _ = _run(command("killed"))
                    killed, same = statuses.count(-9), _equal(folder, status)
                    is_equal = is_equal and same
                    verdict = "equal" if same else f"DIFFERENT: {said}"
                    print(f"{verb}, {count}, killed {killed} times: {verdict}", flush=True)
    sys.exit(not is_equal)


def _write_pictures(folder: Path, count: int) -> None:
    """Write cuts of the bundled photographs, no two the same."""
    photos = [Image.open(path).convert("RGB") for path in photo_paths()]
    for number in range(count):
        photo = photos[number % len(photos)]
        place = number // len(photos)
        left = place % (photo.width - _SIDE)
        top = place * 7 % (photo.height - _SIDE)
        path = folder / str(number // _IN_A_FOLDER) / f"{number:05}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        photo.crop((left, top, left + _SIDE, top + _SIDE)).save(path, quality=92)


def _command(verb: str, arguments: argparse.Namespace, folder: Path) -> Any:
    def command(run: str) -> list[str]:
        lines = ["--jsonl", f"{verb}-{run}.jsonl"]
        if verb == "embed":
            given = ["--model", str(arguments.embedder.resolve()), "--id", "17", "-o", run]
        else:
            given = ["--model", str(arguments.detector.resolve())]
        more = ["--resume", "--workers", "2"]
        return [str(folder), sys.executable, "-m", "edgeseal", verb, "in", *given, *lines, *more]

    return command


def _run(command: list[str], kill_s: float | None = None) -> tuple[int, float, list[str], float]:
    """Run to the end, or a time after the first result.

    Returns status, peak memory in MiB, lines said, and seconds.
    """
    lines = Path(command[0], command[command.index("--jsonl") + 1])
    begin_bytes = _size_bytes(lines)
    started = first = time.perf_counter()
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(command[1:], cwd=command[0], stdout=said, stderr=said)
        while (ended := os.wait4(process.pid, os.WNOHANG))[0] == 0:
            if _size_bytes(lines) == begin_bytes:
                first = time.perf_counter()
            elif kill_s is not None and time.perf_counter() - first > kill_s:
                process.kill()
            time.sleep(0.01)
        process.returncode = os.waitstatus_to_exitcode(ended[1])
        said.seek(0)
        seconds = time.perf_counter() - started
        return process.returncode, ended[2].ru_maxrss / 1024, said.read().splitlines(), seconds


def _size_bytes(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _equal(folder: Path, status: int) -> bool:
    """Whether files and results of both runs are the same, and nothing is left over."""
    found = []
    for run in ("whole", "killed"):
        files = {
            str(path.relative_to(folder / run)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in (folder / run).rglob("*")
            if path.is_file()
        }
        results: dict[str, Any] = {}
        for lines in folder.glob(f"*-{run}.jsonl"):
            for line in lines.read_text().splitlines():
                record = json.loads(line.replace(f'"{run}', '"'))
                results[lines.stem.partition("-")[0] + record["source"]] = record
        found.append((files, results))
    return status == 0 and found[0] == found[1]


if __name__ == "__main__":
    main()
