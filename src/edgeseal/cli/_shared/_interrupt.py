"""Ctrl-C and SIGTERM, also where a library swallows them."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType

__all__ = ["heeding_interrupts", "stop_if_interrupted"]

_DEFAULTS = (signal.default_int_handler, signal.SIG_DFL)
_was_interrupted = False


@contextlib.contextmanager
def heeding_interrupts() -> Iterator[None]:
    """Remember Ctrl-C while the body runs, and take SIGTERM for one.

    Python raises KeyboardInterrupt wherever it happens to be, and native callbacks and bare
    ``except`` clauses of other packages drop it. :func:`stop_if_interrupted` raises it again.
    """
    global _was_interrupted
    _was_interrupted = False
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    # others are ignored, as Ctrl-C in the background of a shell, or someone else's business
    ours = [number for number, handler in before.items() if handler in _DEFAULTS]
    try:
        for number in ours:
            signal.signal(number, _remember)
    except ValueError:  # only the main thread may do that, and only it is interrupted
        yield
        return
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, before[number])
        _was_interrupted = False


def stop_if_interrupted() -> None:
    """Raise an interrupt that was swallowed.

    Raises:
        KeyboardInterrupt: there was one since the command started.
    """
    if _was_interrupted:
        raise KeyboardInterrupt


def _remember(_signal: int, _frame: FrameType | None) -> None:
    global _was_interrupted
    _was_interrupted = True
    raise KeyboardInterrupt
