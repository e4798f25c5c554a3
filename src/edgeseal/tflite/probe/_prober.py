"""Tries models in a worker process; a crash or a hang there is an answer here."""

from __future__ import annotations

import contextlib
import hashlib
import os
import pickle
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from types import TracebackType
from typing import IO, Any, cast

from numpy.typing import NDArray

from edgeseal.errors import ProbeError
from edgeseal.tflite.graph import Model, serialize
from edgeseal.tflite.probe._outcome import Outcome, Request, Status

__all__ = ["Prober"]

_GIB = 2**30
_TRIAL_SHARE = 8  # of the worker's memory, for the tensors of one operator
_LAST_WORDS = 400  # characters of what native code printed before it crashed


class Prober:
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
        self._worker: _Worker | None = None
        self._trial_limit_bytes = self._memory_limit_bytes // _TRIAL_SHARE
        self._prepared: dict[tuple[bytes, bool], Outcome] = {}

    def __enter__(self) -> Prober:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

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
            self._worker = _Worker(self._memory_limit_bytes)
        try:
            return self._worker.ask(request, self._timeout_s)
        except _GoneError as gone:
            self.close()
            return Outcome(gone.status, str(gone))
        except BaseException:  # Ctrl-C between question and answer: the next answer would be stale
            self.close()
            raise


class _GoneError(Exception):
    """The worker crashed or had to be stopped."""

    def __init__(self, status: Status, message: str) -> None:
        super().__init__(message)
        self.status = status


class _Worker:
    """One life of the worker process."""

    def __init__(self, memory_limit_bytes: int) -> None:
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed in close()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "edgeseal.tflite.probe._probe_worker", str(memory_limit_bytes)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        self._stdin = cast("IO[bytes]", self._process.stdin)
        self._stdout = cast("IO[bytes]", self._process.stdout)
        self._answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if self._answers.get() is None:
            words = self._last_words()
            self.close()
            raise ProbeError(f"the process that loads LiteRT cannot start: {words}")

    def ask(self, request: Request, timeout_s: float) -> Outcome:
        """Send a request and wait for its answer.

        Raises:
            _GoneError: there is none, and the process has ended.
        """
        with contextlib.suppress(BrokenPipeError):  # the answer then says that it has gone
            pickle.dump(request, self._stdin, protocol=5)
            self._stdin.flush()
        try:
            answer = self._answers.get(timeout=timeout_s)
        except queue.Empty:
            raise _GoneError(Status.TIMED_OUT, f"no answer within {timeout_s:g} s") from None
        if not isinstance(answer, Outcome):
            raise _GoneError(Status.CRASHED, self._last_words())
        return answer

    def close(self) -> None:
        """End the process, whatever it is doing."""
        self._process.kill()
        self._process.wait()
        self._reader.join()
        for stream in (self._stdin, self._stdout, self._log):
            with contextlib.suppress(BrokenPipeError):
                stream.close()

    def _read(self) -> None:
        while True:
            try:
                self._answers.put(pickle.load(self._stdout))
            except (EOFError, pickle.UnpicklingError, OSError):
                self._answers.put(None)
                return

    def _last_words(self) -> str:
        code = self._process.wait()
        how = _signal_name(-code) if code < 0 else f"exit status {code}"
        self._log.seek(0)
        lines = self._log.read().decode("utf-8", "replace").splitlines()
        said = "\n".join(line for line in lines if not line.startswith("INFO:"))[-_LAST_WORDS:]
        return f"{how}: {said}" if said else how


def default_memory_limit() -> int:
    """Return half of the machine's memory in bytes, at least 4 GiB."""
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows
        total = 0
    return max(4 * _GIB, total // 2)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
