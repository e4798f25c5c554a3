"""Processes that answer one request after another; a crash or a hang there is an answer here."""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import IO, Any, cast

from edgeseal.errors import ProbeError
from edgeseal.tflite.workers._outcome import Status

__all__ = ["WorkerGoneError", "WorkerProcess", "serve"]

_READY = "ready"
"""The first message, once the worker's modules are loaded."""
_LAST_WORDS = 400  # characters of what native code printed before it crashed


class WorkerGoneError(Exception):
    """The worker crashed or had to be stopped."""

    def __init__(self, status: Status, message: str) -> None:
        super().__init__(message)
        self.status = status


class WorkerProcess:
    """One life of the worker process."""

    def __init__(
        self, command: Sequence[str], *, what: str, environment: Mapping[str, str] | None = None
    ) -> None:
        """Start it and wait until it is ready.

        Args:
            command: a Python that ends in :func:`serve`.
            what: it is, for errors.
            environment: variables that differ from this process's.

        Raises:
            ProbeError: it cannot start.
        """
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed in close()
        paths = os.pathsep.join(filter(None, sys.path))
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env={**os.environ, "PYTHONPATH": paths, **(environment or {})},
            start_new_session=True,  # what it starts ends with it
        )
        self._stdin = cast("IO[bytes]", self._process.stdin)
        self._stdout = cast("IO[bytes]", self._process.stdout)
        self._answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if self._answers.get() is None:
            words = self._last_words()
            self.close()
            raise ProbeError(f"{what} cannot start: {words}")

    def ask(self, request: object, timeout_s: float) -> Any:
        """Send a request and wait for its answer.

        Raises:
            WorkerGoneError: there is none, and the process has ended.
        """
        with contextlib.suppress(BrokenPipeError):  # the answer then says that it has gone
            pickle.dump(request, self._stdin, protocol=5)
            self._stdin.flush()
        try:
            answer = self._answers.get(timeout=timeout_s)
        except queue.Empty:
            raise WorkerGoneError(Status.TIMED_OUT, f"no answer within {timeout_s:g} s") from None
        if answer is None:
            raise WorkerGoneError(Status.CRASHED, self._last_words())
        return answer

    def close(self) -> None:
        """End the process, whatever it is doing."""
        if self._process.poll() is None and hasattr(os, "killpg"):  # Windows has no groups
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
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


def serve(answer: Callable[[Any], object]) -> None:
    """Answer the pickled requests on stdin, on the descriptor that was stdout, until stdin closes.

    That ends the process, whatever it is doing, and what it started: nobody waits for it any more.

    Args:
        answer: makes an answer, other than None, of a request.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the tool, which ends this process
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what native code prints must not get between the replies
    requests: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(target=_read_requests, args=[sys.stdin.buffer, requests], daemon=True).start()
    _reply(replies, _READY)
    try:
        while True:
            _reply(replies, answer(requests.get()))
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)  # not sys.exit: it would close stdin, which the thread is reading


def _reply(stream: IO[bytes], message: object) -> None:
    pickle.dump(message, stream, protocol=5)
    stream.flush()


def _read_requests(stream: IO[bytes], requests: queue.SimpleQueue[Any]) -> None:
    with contextlib.suppress(Exception):  # a request of which a killed tool wrote a part is no EOF
        while True:
            requests.put(pickle.load(stream))
    if hasattr(os, "killpg") and os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(0)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
