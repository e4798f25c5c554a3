"""Runs a user's command on a file."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from edgeseal.errors import UsageError

__all__ = ["CommandEnd", "run_command"]

_PLACEHOLDER = "{}"
_TAIL_BYTES = 4096  # of stderr; its last line is in them


@dataclass(frozen=True, slots=True)
class CommandEnd:
    """How a command ended.

    Attributes:
        status: exit status; negative for a signal; None if it had to be stopped.
        last_line: of what it said on stderr, with ``{}`` in place of the file's path.
    """

    status: int | None
    last_line: str

    def __str__(self) -> str:
        if self.status is None:
            return "it does not end in time"
        how = f"signal {-self.status}" if self.status < 0 else f"exit status {self.status}"
        return f"{how}: {self.last_line}" if self.last_line else how


def run_command(arguments: Sequence[str], path: Path, timeout_s: float) -> CommandEnd:
    """Run a command on a file and return how it ended; what takes too long is stopped.

    Args:
        arguments: the command; ``{}`` in any of them stands for the path.
        path: the file.
        timeout_s: longest time.

    Raises:
        UsageError: there is no place for the path, or the command cannot be started.
    """
    if not any(_PLACEHOLDER in argument for argument in arguments):
        raise UsageError("the command has no {}, which stands for the file: 'python repro.py {}'")
    name = str(path.resolve())
    with tempfile.TemporaryFile() as log:
        status = _status([a.replace(_PLACEHOLDER, name) for a in arguments], log, timeout_s)
        return CommandEnd(status, _last_line(log).replace(name, _PLACEHOLDER))


def _status(command: list[str], log: IO[bytes], timeout_s: float) -> int | None:
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
            start_new_session=True,  # so that all it starts can be ended with it
        )
    except OSError as error:
        raise UsageError(f"{command[0]}: cannot be started ({error.strerror})") from error
    try:
        return process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        return None
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:  # its number may be another's by now
        return
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.wait()


def _last_line(log: IO[bytes]) -> str:
    size = log.seek(0, os.SEEK_END)
    log.seek(max(0, size - _TAIL_BYTES))
    lines = log.read().decode("utf-8", "replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
