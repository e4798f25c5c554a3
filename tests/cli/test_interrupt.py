"""Ctrl-C while a command works: one line, status 2, nothing half-written."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from cli.commands import Run
from patience import HANG_S

# In the background of a shell Ctrl-C is ignored, which a child would inherit.
SCRIPT = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from edgeseal.cli import main
sys.exit(main(sys.argv[1:]))
"""


def _interrupt_after(delay_s: float, sign: str, *arguments: object) -> tuple[int, str, str]:
    """Send SIGINT some time after a line that holds ``sign`` was printed to stderr."""
    command = [sys.executable, "-c", SCRIPT, *map(str, arguments)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        line = ""
        while sign not in line:
            line = process.stderr.readline()
            assert line, f"{sign!r} was never printed"
        time.sleep(delay_s)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=HANG_S)
        return process.returncode, out, err


def test_nothing_is_left_when_a_conversion_is_interrupted(tmp_path: Path) -> None:
    options = ["--part", "detector", "--random-weights", "1", "-o", tmp_path / "a" / "b"]
    status, out, err = _interrupt_after(1.0, "converting", "convert", "reference", *options)
    assert status == 2
    assert out == ""
    assert err.rstrip().splitlines()[-1] == "interrupted"
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == [tmp_path / "cache"] or not list(tmp_path.iterdir())


@pytest.mark.parametrize("workers", [1, 2])
def test_one_line_is_said_when_a_detection_is_interrupted(
    workers: int, detector: Path, many: Path
) -> None:
    options = ["--model", detector, "--workers", workers]
    status, out, err = _interrupt_after(0.3, "0.png", "detect", many, *options)
    assert (status, out, err) == (2, "", "interrupted\n")


def test_pictures_are_whole_when_an_embedding_is_interrupted(
    embedder: Path, many: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    options = ["--model", embedder, "--message", "random", "-o", out]
    status, _, err = _interrupt_after(1.0, "0.png", "embed", many, *options)
    assert (status, err) == (2, "interrupted\n")
    for path in out.iterdir() if out.exists() else ():
        assert not path.name.startswith(".")
        with Image.open(path) as image:
            image.load()
    shutil.rmtree(many)


SWALLOWED = """
import signal
from edgeseal.cli._shared import _console, _interrupt

def raised(call, *arguments):
    try:
        call(*arguments)
    except KeyboardInterrupt:
        return True
    return False

signal.signal(signal.SIGINT, signal.default_int_handler)
with _interrupt.heeding_interrupts():
    _interrupt.stop_if_interrupted()
    assert raised(signal.raise_signal, signal.SIGINT)
    assert raised(_interrupt.stop_if_interrupted)
    with _console.frame_bar("frames") as report:
        assert raised(report, 1, 2)
assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
"""


def test_interrupt_is_raised_again_when_it_was_swallowed(spawn: Run) -> None:
    done = spawn(SWALLOWED)  # a process of its own: what else runs here is not interrupted
    assert done.status == 0, done.err
