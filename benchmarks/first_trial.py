r"""What it costs that a file is run in a process of its own before it is run here.

::

    python benchmarks/first_trial.py DETECTOR PICTURE [--rounds 9]

Runs ``edgeseal detect`` of one picture in turn with a file that ran before and with one that did
not, so that both see the same machine, and times the parts that every call pays. Medians.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from edgeseal._files import sha256_of
from edgeseal.tflite.graph import read_model
from edgeseal.tflite.probe import check_validity, refusal


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("detector", type=Path)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        cache = Path(name)
        os.environ["EDGESEAL_CACHE"] = str(cache)
        times: dict[str, list[float]] = {"known": [], "unknown": []}
        for _ in range(arguments.rounds):
            for case, found in times.items():
                if case == "unknown":
                    for file in cache.iterdir():
                        file.unlink()
                else:
                    refusal(arguments.detector)
                found.append(_seconds(lambda: _detect(arguments.detector, arguments.picture)))
        for case, found in times.items():
            print(f"detect, {case} file: {statistics.median(found):.2f} s")
        model = read_model(arguments.detector)
        parts: dict[str, Callable[[], object]] = {
            "checksum": lambda: sha256_of(arguments.detector),
            "checksum and list": lambda: refusal(arguments.detector),
            "parameters of all tensors": lambda: check_validity(model),
        }
        refusal(arguments.detector)
        for what, part in parts.items():
            found = [_seconds(part) for _ in range(arguments.rounds)]
            print(f"{what}: {1000 * statistics.median(found):.1f} ms")


def _detect(detector: Path, picture: Path) -> None:
    command = [sys.executable, "-m", "edgeseal", "detect", picture, "--model", detector]
    subprocess.run(list(map(str, command)), check=True, stdout=subprocess.DEVNULL)


def _seconds(job: Callable[[], object]) -> float:
    started = time.perf_counter()
    job()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
