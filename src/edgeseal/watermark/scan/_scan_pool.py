"""Worker processes for a scan, one for each thread that asks."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Generator, Iterable
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
    try:
        yield from map_in_order(pool.read, items, workers=workers, abandon=pool.close)
    finally:
        pool.close()


class NoRoomError(Exception):
    """No worker can start now, as on a cluster that has lost a node."""


class ScanWorker(Protocol):
    """What answers one request after another, until it is gone."""

    def ask(self, request: Any, timeout_s: float) -> Any:
        """Return the row of an item, or raise :class:`WorkerGoneError`."""

    def close(self) -> None:
        """End it, whatever it is doing."""


def _start_process() -> ScanWorker:
    return WorkerProcess([sys.executable, "-m", _WORKER], what="the process that reads pictures")


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

    def read(self, item: Item) -> ScanRow | PartRow:
        """Return the row of an item; a worker that crashed over it is tried again with another."""
        words = ""
        for attempt in range(_TRIES):
            try:
                worker = self._take()
            except ProbeError:  # it was killed before it began
                if attempt == _TRIES - 1:
                    raise
                continue
            try:
                row: ScanRow | PartRow = worker.ask((self._reading, item), self._timeout_s)
            except WorkerGoneError as gone:
                self._end(worker)
                words = " ".join(str(gone).split())
                if gone.status is Status.TIMED_OUT:
                    return failed_row(item, f"{words}; `timeout_s` allows more")
            except BaseException:  # Ctrl-C: the next answer would be to this question
                self._end(worker)
                raise
            else:
                with self._lock:
                    self._idle.append(worker)
                    self._lock.notify()
                return row
        return failed_row(item, f"ends the process that reads it, {_TRIES} times: {words}")

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
