"""Tries models in a worker process; a crash or a hang there is an answer here."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from edgeseal._closing import Closing
from edgeseal.tflite.graph import Model, serialize
from edgeseal.tflite.workers import Outcome, Request, WorkerGoneError, WorkerProcess

__all__ = ["Prober"]

_GIB = 2**30
_TRIAL_SHARE = 8  # of the worker's memory, for the tensors of one operator
_WORKER = "edgeseal.tflite.workers._litert_worker"


class Prober(Closing):
    """A worker process with the installed LiteRT, started when it is first needed.

    Use it as a context manager. Not for several threads at a time.
    """

    def __init__(
        self,
        *,
        timeout_s: float = 60.0,
        memory_limit_bytes: int | None = None,
        threads: int = 1,
    ) -> None:
        """Remember the limits.

        Args:
            timeout_s: longest time for one trial.
            memory_limit_bytes: of the worker's address space; default: half the machine's memory,
                at least 4 GiB. Without effect on Windows.
            threads: that LiteRT may use.
        """
        self._timeout_s = timeout_s
        self._threads = threads
        self._memory_limit_bytes = memory_limit_bytes or default_memory_limit()
        self._worker: WorkerProcess | None = None
        self._trial_limit_bytes = self._memory_limit_bytes // _TRIAL_SHARE
        self._prepared: dict[tuple[bytes, bool], Outcome] = {}

    @property
    def trial_limit_bytes(self) -> int:
        """Largest size of the tensors of one operator that is still tried."""
        return self._trial_limit_bytes

    @property
    def threads(self) -> int:
        """Threads that LiteRT may use."""
        return self._threads

    def prepare(self, model: Model | Path, *, with_delegate: bool = True) -> Outcome:
        """Let LiteRT load and prepare a model; equal models are tried once.

        Args:
            model: a model, or the path of a file.
            with_delegate: let LiteRT use its default accelerated delegate.

        Raises:
            ModelError: the model cannot be serialized.
        """
        content = model if isinstance(model, Path) else serialize(model)
        if isinstance(content, Path):
            return self._ask(self._preparation(content, with_delegate))
        key = hashlib.blake2b(content, digest_size=16).digest(), with_delegate
        if key not in self._prepared:
            self._prepared[key] = self._ask(self._preparation(content, with_delegate))
        return self._prepared[key]

    def run(
        self,
        model: Model | Path,
        inputs: tuple[NDArray[Any], ...],
        *,
        with_delegate: bool = True,
        repeats: int = 0,
    ) -> Outcome:
        """Let LiteRT prepare and run a model.

        Args:
            model: a model, or the path of a file.
            inputs: an array for each input of the main subgraph, in its order. Inputs are resized
                to the arrays' shapes.
            with_delegate: let LiteRT use its default accelerated delegate.
            repeats: timed runs after the first.

        Raises:
            ModelError: the model cannot be serialized.
        """
        content = model if isinstance(model, Path) else serialize(model)
        limit_bytes = self._trial_limit_bytes
        return self._ask(
            Request(content, inputs, with_delegate, repeats, limit_bytes, self._threads)
        )

    def close(self) -> None:
        """End the worker."""
        if self._worker is not None:
            self._worker.close()
            self._worker = None

    def _preparation(self, model: bytes | Path, with_delegate: bool) -> Request:
        return Request(model, with_delegate=with_delegate, threads=self._threads)

    def _ask(self, request: Request) -> Outcome:
        if self._worker is None:
            self._worker = WorkerProcess(
                [sys.executable, "-m", _WORKER, str(self._memory_limit_bytes)],
                what="the process that loads LiteRT",
            )
        try:
            answer: Outcome = self._worker.ask(request, self._timeout_s)
            return answer
        except WorkerGoneError as gone:
            self.close()
            return Outcome(gone.status, str(gone))
        except BaseException:  # Ctrl-C between question and answer: the next answer would be stale
            self.close()
            raise


def default_memory_limit() -> int:
    """Return half of the machine's memory in bytes, at least 4 GiB."""
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows
        total = 0
    return max(4 * _GIB, total // 2)
