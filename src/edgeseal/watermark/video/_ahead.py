"""Works ahead in a thread, by a few items, so that stages run at the same time."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Generator, Iterable
from typing import TypeVar

__all__ = ["ahead"]

_Item = TypeVar("_Item")
_END = object()
_POLL_S = 0.1


def ahead(items: Iterable[_Item], depth: int) -> Generator[_Item]:
    """Yield the items of an iterable that runs in a thread of its own, ``depth`` items ahead.

    What it raises is raised here. When the reader stops, so does the thread; and when the program
    ends, the interpreter waits for it, because a thread inside FFmpeg cannot be left to its fate.
    """
    ready: queue.Queue[object] = queue.Queue(depth)
    stopped = threading.Event()
    failures: list[BaseException] = []
    program = threading.main_thread()

    def put(item: object) -> bool:
        while not stopped.is_set() and program.is_alive():
            try:
                ready.put(item, timeout=_POLL_S)
                return True
            except queue.Full:
                continue
        return False

    def work() -> None:
        try:
            for item in () if stopped.is_set() else items:
                if not put(item):
                    break
        except BaseException as error:  # raised again where the items are read
            failures.append(error)
        finally:
            close = getattr(items, "close", None)
            if close is not None:
                close()
            put(_END)

    thread = threading.Thread(target=work, name="edgeseal-video")
    try:
        thread.start()  # an interrupt may come while this waits: the thread has to end then, too
        while (item := _next(ready, thread)) is not _END:
            yield item  # type: ignore[misc]
        if failures:
            raise failures[0]
    finally:
        stopped.set()
        with contextlib.suppress(RuntimeError):  # it never started
            thread.join()


def _next(ready: queue.Queue[object], thread: threading.Thread) -> object:
    """Return the next item; the end if the thread is over and left none."""
    while True:
        was_alive = thread.is_alive()
        try:
            return ready.get(timeout=_POLL_S)
        except queue.Empty:
            if not was_alive:
                return _END
