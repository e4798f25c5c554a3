"""Check the wheel and the sdist, as ``python tools/check_dist.py DIST MODELS``.

Both hold what the repository holds, no more and no less. Then the wheel is installed, without
extras, into an empty environment, and its verbs work on the files that ``edgeseal demo`` left in
MODELS, from a folder that has nothing to do with the sources.
"""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
import tarfile
import tempfile
import venv
import zipfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MESSAGE = "0123456789abcdef01234567"
GOOD, FAILED, REFUSED = 0, 1, 2


def main() -> None:
    """Check, or exit with what is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, usage="check_dist.py DIST MODELS")
    parser.add_argument("dist", type=Path)
    parser.add_argument("models", type=Path)
    arguments = parser.parse_args()
    wheel, sdist = only(arguments.dist, "*.whl"), only(arguments.dist, "*.tar.gz")
    check_contents(wheel, sdist)
    with tempfile.TemporaryDirectory() as folder:
        check_installation(wheel, arguments.models.resolve(), Path(folder))
    print(f"{wheel.name} and {sdist.name} are complete, and the wheel works")


def only(folder: Path, pattern: str) -> Path:
    """Return the one file of a pattern."""
    found = list(folder.glob(pattern))
    if len(found) != 1:
        sys.exit(f"{folder}: expected one {pattern}, found {len(found)}; run `make dist`")
    return found[0].resolve()


def check_contents(wheel: Path, sdist: Path) -> None:
    """Compare what the files hold with what the repository holds."""
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    with tarfile.open(sdist) as archive:
        files = (member.name for member in archive.getmembers() if member.isfile())
        held = {name.partition("/")[2] for name in files}
    compare(sdist, held, {*listed, "PKG-INFO"})
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    described = {name for name in names if ".dist-info/" in name}
    package = {name.removeprefix("src/") for name in listed if name.startswith("src/")}
    compare(wheel, names - described, package)
    if not any(name.endswith("/licenses/LICENSE") for name in described):
        sys.exit(f"{wheel.name}: has no licence")


def compare(path: Path, held: set[str], expected: set[str]) -> None:
    """Exit with what a file lacks or should not hold, if there is any."""
    wrong = [f"lacks {name}" for name in sorted(expected - held)]
    wrong += [f"holds {name}, which is not in the repository" for name in sorted(held - expected)]
    if wrong:
        sys.exit("\n".join(f"{path.name}: {line}" for line in wrong))


def check_installation(wheel: Path, models: Path, folder: Path) -> None:
    """Install the wheel alone and use it."""
    place = folder / "environment"
    venv.create(place, with_pip=True)
    run(folder, [python(place), "-m", "pip", "install", "--quiet", wheel])
    where = run(folder, [python(place), "-c", "import edgeseal; print(edgeseal.__file__)"])
    if not Path(where.strip()).is_relative_to(place):
        sys.exit(f"expected the wheel's edgeseal, got {where}")
    source = "from edgeseal.data import photo_paths; print(photo_paths()[0])"
    photo = run(folder, [python(place), "-c", source]).strip()
    float32 = models / "reference_detector_float32.tflite"
    stock = models / "stock_detector_dynamic-int8.tflite"
    embedder = models / "reference_embedder_float32.tflite"
    edgeseal: list[str | Path] = [python(place), "-m", "edgeseal"]
    for status, verb in (
        (GOOD, ["embed", photo, "--model", embedder, "--message", MESSAGE, "-o", "marked"]),
        (GOOD, ["quantize", float32, "--recipe", "dynamic-int8", "-o", "int8.tflite"]),
        (GOOD, ["detect", "marked", "--model", "int8.tflite", "--expect", MESSAGE]),
        (GOOD, ["web", "--export", "site"]),
        (FAILED, ["check", stock]),
        (GOOD, ["repair", stock, "-o", "mended.tflite"]),
        (GOOD, ["check", "mended.tflite"]),
    ):
        run(folder, [*edgeseal, *verb], status)
    check_extra(folder, [*edgeseal, "inspect", float32, "--html", "page.html"])


def check_extra(folder: Path, command: Sequence[str | Path]) -> None:
    """Follow the message of a verb that lacks an extra; the verb works then."""
    message = run(folder, command, REFUSED)
    _, pip, *arguments = shlex.split(message[message.index("`") + 1 : message.rindex("`")])
    run(folder, [command[0], "-m", "pip", pip, "--quiet", *arguments])
    run(folder, command)


def python(place: Path) -> Path:
    """Return the interpreter of an environment."""
    return place / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def run(folder: Path, command: Sequence[str | Path], status: int = GOOD) -> str:
    """Run a command in a folder and return what it says; exit if its status is another."""
    shown = shlex.join(str(part) for part in command[1:])
    print(f"$ {shown}", flush=True)
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, cwd=folder, env=clean, capture_output=True, text=True)
    said = done.stdout + done.stderr
    if done.returncode != status:
        sys.exit(f"{said}\n{shown}: expected exit status {status}, got {done.returncode}")
    return said


if __name__ == "__main__":
    main()
