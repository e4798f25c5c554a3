"""Worker processes for a scan, one for each thread that asks."""

from __future__ import annotations

import contextlib
import itertools
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from typing import Any, Protocol

from edgeseal.errors import ProbeError
from edgeseal.pictures import map_in_order
from edgeseal.tflite.workers import Status, WorkerGoneError, WorkerProcess
from edgeseal.watermark.scan._choice import Item
from edgeseal.watermark.scan._read_item import Reading
from edgeseal.watermark.scan._scan_row import PartRow, ScanRow, failed_row

__all__ = ["NoRoomError", "ScanWorker", "read_items"]

_WORKER = "edgeseal.watermark.scan._scan_worker"
_TRIES = 3  # who kills a worker is not always the item
_PAUSE_S = 1.0
_AT_ONCE = 4  # pictures in a request to a cluster, which takes some milliseconds for each


def read_items(
    reading: Reading,
    items: Iterable[Item],
    *,
    workers: int,
    timeout_s: float,
    start: Callable[[], ScanWorker] | None = None,
) -> Generator[ScanRow | PartRow]:
    """Read items in processes, never more than a few ahead of the reader, in their order.

    Args:
        reading: how.
        items: may be endless.
        workers: processes.
        timeout_s: longest time for one item, which otherwise fails.
        start: starts one; a process on this machine if None.

    Raises:
        ProbeError: a worker cannot start.
    """
    pool = _Pool(reading, timeout_s, start or _start_process)
    bunches = _bunches(items, 1 if start is None else _AT_ONCE)
    try:
        for rows in map_in_order(pool.read, bunches, workers=workers, abandon=pool.close):
            yield from rows
    finally:
        pool.close()


class NoRoomError(Exception):
    """No worker can start now, as on a cluster that has lost a node."""


class ScanWorker(Protocol):
    """What answers one request after another, until it is gone."""

    def ask(self, request: Any, timeout_s: float) -> Any:
        """Return the rows of items, or raise :class:`WorkerGoneError`."""

    def close(self) -> None:
        """End it, whatever it is doing."""


def _start_process() -> ScanWorker:
    return WorkerProcess([sys.executable, "-m", _WORKER], what="the process that reads pictures")


def _bunches(items: Iterable[Item], at_once: int) -> Iterator[list[Item]]:
    """Yield so many pictures at once; videos, which take their time, one by one."""
    for is_long, some in itertools.groupby(items, key=lambda item: item.is_video):
        while bunch := list(itertools.islice(some, 1 if is_long else at_once)):
            yield bunch


class _Pool:
    """As many workers as there are threads that ask at the same time."""

    def __init__(self, reading: Reading, timeout_s: float, start: Callable[[], ScanWorker]) -> None:
        self._reading = reading
        self._timeout_s = timeout_s
        self._start = start
        self._lock = threading.Condition()
        self._idle: list[ScanWorker] = []
        self._alive: set[ScanWorker] = set()
        self._is_closed = False

    def read(self, items: Sequence[Item]) -> list[ScanRow | PartRow]:
        """Return the rows of items; where a worker is gone over several, each is read by itself."""
        if len(items) > 1:
            with contextlib.suppress(WorkerGoneError, ProbeError):
                return self._ask(items)
        return [self._read_one(item) for item in items]

    def _read_one(self, item: Item) -> ScanRow | PartRow:
        """Return the row of an item; a worker that crashed over it is tried again with another."""
        words = ""
        for attempt in range(_TRIES):
            try:
                return self._ask([item])[0]
            except ProbeError:  # it was killed before it began
                if attempt == _TRIES - 1:
                    raise
            except WorkerGoneError as gone:
                words = " ".join(str(gone).split())
                if gone.status is Status.TIMED_OUT:
                    return failed_row(item, f"{words}; `timeout_s` allows more")
        return failed_row(item, f"ends the process that reads it, {_TRIES} times: {words}")

    def _ask(self, items: Sequence[Item]) -> list[ScanRow | PartRow]:
        """Have a worker read items.

        Raises:
            ProbeError: no worker can start.
            WorkerGoneError: it is gone, or took too long.
        """
        worker = self._take()
        try:
            rows: list[ScanRow | PartRow]
            rows = worker.ask((self._reading, items), self._timeout_s * len(items))
        except BaseException:  # also Ctrl-C: the next answer would be to this question
            self._end(worker)
            raise
        with self._lock:
            self._idle.append(worker)
            self._lock.notify()
        return rows

    def close(self) -> None:
        """End all workers, whatever they are doing."""
        with self._lock:
            self._is_closed = True
            self._lock.notify_all()
            alive = list(self._alive)
        for worker in alive:
            self._end(worker)

    def _take(self) -> ScanWorker:
        """Return a worker that is idle, or a new one; where there is no room for it, wait."""
        limit = time.monotonic() + self._timeout_s
        while True:
            with self._lock:
                if self._is_closed:
                    raise RuntimeError("the scan has ended")  # nobody waits for the answer
                if self._idle:
                    return self._idle.pop()
            try:
                worker = self._start()
            except NoRoomError as error:
                with self._lock:
                    if not self._alive and time.monotonic() > limit:
                        raise ProbeError(f"no worker can start: {error}") from error
                    self._lock.wait(_PAUSE_S)
                continue
            with self._lock:
                if not self._is_closed:
                    self._alive.add(worker)
                    return worker
            worker.close()  # the scan ended while it started

    def _end(self, worker: ScanWorker) -> None:
        with self._lock:
            if worker not in self._alive:
                return
            self._alive.remove(worker)
        worker.close()
