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

    What it raises is raised here. When the reader stops, so does the thread.
    """
    ready: queue.Queue[object] = queue.Queue(depth)
    stopped = threading.Event()
    failures: list[BaseException] = []

    def put(item: object) -> bool:
        while not stopped.is_set():
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

    thread = threading.Thread(target=work, name="edgeseal-video", daemon=True)
    try:
        thread.start()  # an interrupt may come while this waits: the thread has to end then, too
        while (item := ready.get()) is not _END:
            yield item  # type: ignore[misc]
        if failures:
            raise failures[0]
    finally:
        stopped.set()
        with contextlib.suppress(RuntimeError):  # it never started
            thread.join()
