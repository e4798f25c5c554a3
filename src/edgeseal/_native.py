"""Holds back what native code prints."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator

__all__ = ["native_output_held_back", "native_words"]

_STDOUT, _STDERR = 1, 2

# The descriptors are the process's: threads that swapped them in turn would lose them.
_one_at_a_time = threading.RLock()


@contextlib.contextmanager
def native_output_held_back(*, stdout: bool, show_on_failure: bool) -> Iterator[None]:
    """Keep stderr quiet, native code included, which no logging configuration reaches.

    Args:
        stdout: keep stdout quiet too. Not where other threads may be printing results.
        show_on_failure: print what was held back to stderr if the body fails.
    """
    with _one_at_a_time, tempfile.TemporaryFile() as log, contextlib.ExitStack() as restore:
        for descriptor in (_STDOUT, _STDERR) if stdout else (_STDERR,):
            _redirect(descriptor, log.fileno(), restore)
        try:
            yield
        except Exception:  # not Ctrl-C: its answer is one line
            if show_on_failure:
                restore.close()
                log.seek(0)
                os.write(_STDERR, log.read())
            raise


@contextlib.contextmanager
def native_words() -> Iterator[Callable[[], str]]:
    """Keep stdout and stderr quiet, and give a function that returns what was said so far."""
    with _one_at_a_time, tempfile.TemporaryFile() as log, contextlib.ExitStack() as restore:
        for descriptor in (_STDOUT, _STDERR):
            _redirect(descriptor, log.fileno(), restore)

        def said() -> str:
            # pread: the position belongs to those who write
            return os.pread(log.fileno(), os.fstat(log.fileno()).st_size, 0).decode(
                errors="replace"
            )

        yield said


def _redirect(descriptor: int, target: int, restore: contextlib.ExitStack) -> None:
    """Let a descriptor lead to ``target`` until ``restore`` closes."""
    stream = sys.stdout if descriptor == _STDOUT else sys.stderr
    stream.flush()
    saved = os.dup(descriptor)
    restore.callback(os.close, saved)
    restore.callback(os.dup2, saved, descriptor)
    restore.callback(stream.flush)
    os.dup2(target, descriptor)
