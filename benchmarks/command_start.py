r"""How long commands take as whole processes, against another commit of this repository.

::

    python benchmarks/command_start.py COMMIT DETECTOR.tflite PICTURE

Both sources are compiled to byte code first, as an installation does, and run by this Python in
turn, each first in every second round. "ratio" is the median over the rounds of now to before;
"processor" is the same of processor time, which a busy machine disturbs less.
"""

from __future__ import annotations

import argparse
import compileall
import io
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

_ROOT = Path(__file__).parents[1]
_Times = tuple[float, float]  # seconds of wall time and of processor time


def sources(commit: str, folder: Path) -> tuple[Path, Path]:
    """Return the sources of a commit and of the working tree, with byte code, in a folder."""
    archive = subprocess.run(
        ["git", "archive", commit, "src"], cwd=_ROOT, check=True, capture_output=True
    )
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as tar:
        tar.extractall(folder / "before", filter="data")
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(_ROOT / "src", folder / "now" / "src", ignore=ignored)
    for name in ("before", "now"):
        compileall.compile_dir(folder / name, quiet=1)
    return folder / "before" / "src", folder / "now" / "src"


def run(source: Path, arguments: Sequence[str]) -> _Times:
    """Run Python once with a source first on its path.

    Raises:
        subprocess.CalledProcessError: it failed.
    """
    command = [sys.executable, *arguments]
    before, start = os.times(), time.perf_counter()
    subprocess.run(
        command,
        env={**os.environ, "PYTHONPATH": str(source)},
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wall, after = time.perf_counter() - start, os.times()
    used = after.children_user + after.children_system
    return wall, used - before.children_user - before.children_system


def paired(
    pair: tuple[Path, Path], arguments: Sequence[str], rounds: int
) -> Iterator[tuple[_Times, _Times]]:
    """Run both sources in turn, after once unseen; yield the times before and now."""
    for source in pair:
        run(source, arguments)
    for number in range(rounds):
        order = pair if number % 2 == 0 else pair[::-1]
        times = {source: run(source, arguments) for source in order}
        yield times[pair[0]], times[pair[1]]


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("commit")
    parser.add_argument("detector")
    parser.add_argument("picture")
    parser.add_argument("--rounds", type=int, default=15)
    given = parser.parse_args()
    tool = ["-m", "edgeseal"]
    commands = {
        "import edgeseal": ["-c", "import edgeseal"],
        "edgeseal --help": [*tool, "--help"],
        "edgeseal detect": [*tool, "detect", given.picture, "--model", given.detector],
    }
    table = Table("command", "before, ms", "now, ms", "ratio", "processor")
    with tempfile.TemporaryDirectory() as scratch:
        both = sources(given.commit, Path(scratch))
        for name, arguments in commands.items():
            times = list(paired(both, arguments, given.rounds))
            walls = [statistics.median(pair[side][0] for pair in times) for side in (0, 1)]
            ratios = [
                statistics.median(now[kind] / before[kind] for before, now in times)
                for kind in (0, 1)
            ]
            table.add_row(
                name, *(f"{wall * 1e3:.0f}" for wall in walls), *(f"{r:.2f}" for r in ratios)
            )
    Console().print(table)
    print(f"{given.rounds} rounds, {os.cpu_count()} cores, Python {platform.python_version()}")


if __name__ == "__main__":
    main()
