"""Workers on a Ray cluster: actors, each with one session of the model."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from edgeseal.errors import FileError, MissingExtraError
from edgeseal.tflite.workers import Status, WorkerGoneError
from edgeseal.watermark.scan._choice import Item
from edgeseal.watermark.scan._read_item import Reading, read_item
from edgeseal.watermark.scan._scan_pool import NoRoomError
from edgeseal.watermark.scan._scan_row import PartRow, ScanRow

__all__ = ["RayWorker", "ray_workers"]

_START_S = 30.0  # then others may have left a worker idle


class RayWorker:
    """An actor that answers as a worker process does; where its node dies, it is gone."""

    def __init__(self, ray: Any) -> None:
        """Start it.

        Raises:
            NoRoomError: the cluster has no room for it, or lost it at once.
        """
        self._ray = ray
        self._actor = ray.remote(num_cpus=1)(_Reader).remote()
        try:
            self._get(self._actor.pid.remote(), _START_S)
        except WorkerGoneError as error:
            self.close()
            raise NoRoomError(f"the cluster has no room ({error})") from error

    def ask(
        self, request: tuple[Reading, Sequence[Item]], timeout_s: float
    ) -> list[ScanRow | PartRow]:
        """Send a request and wait for its answer.

        Raises:
            WorkerGoneError: there is none.
        """
        rows: list[ScanRow | PartRow] = self._get(self._actor.read.remote(*request), timeout_s)
        return rows

    def close(self) -> None:
        """End the actor, whatever it is doing."""
        with contextlib.suppress(Exception):  # the cluster may be gone as well
            self._ray.kill(self._actor)

    def _get(self, answer: Any, timeout_s: float) -> Any:
        errors = self._ray.exceptions
        try:
            return self._ray.get(answer, timeout=timeout_s)
        except errors.GetTimeoutError:
            raise WorkerGoneError(Status.TIMED_OUT, f"no answer within {timeout_s:g} s") from None
        except errors.RayTaskError as error:
            raise error.cause from None
        except errors.RayError as error:
            words = " ".join(str(error).split())
            raise WorkerGoneError(Status.CRASHED, words) from error


@contextlib.contextmanager
def ray_workers(address: str) -> Iterator[tuple[Callable[[], RayWorker], int]]:
    """Connect to a cluster for the body; yields what starts a worker, and for how many it has room.

    Args:
        address: of the cluster's head, or ``local`` for one on this machine.

    Raises:
        MissingExtraError: Ray is not installed.
        FileError: no cluster answers at the address.
    """
    try:
        import ray
    except ImportError as error:
        raise MissingExtraError("scanning on a Ray cluster", "ray") from error
    try:
        ray.init(address=address, log_to_driver=False, configure_logging=False)
    except (ConnectionError, RuntimeError, ValueError) as error:
        words = " ".join(str(error).split())
        raise FileError(f"{address}: no Ray cluster can be used there ({words})") from error
    try:
        yield lambda: RayWorker(ray), max(1, int(ray.cluster_resources().get("CPU", 1)))
    finally:
        ray.shutdown()


class _Reader:
    """What runs on the nodes."""

    def pid(self) -> int:
        return os.getpid()

    def read(self, reading: Reading, items: Sequence[Item]) -> list[ScanRow | PartRow]:
        return [read_item(reading, item) for item in items]
