"""A process of its own for each engine: it does nothing else, so its memory is the engine's."""

from __future__ import annotations

import contextlib
import importlib
import multiprocessing
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import IO, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from edgeseal._closing import Closing
from edgeseal.tflite.benchmark._engine import Engine, Run

__all__ = ["EngineFailureError", "Loaded", "Timed", "Worker"]

_GOODBYE_S = 2.0
_LAST_WORDS = 400  # characters of what native code printed before it failed
_Inputs: TypeAlias = tuple[NDArray[Any], ...]


class EngineFailureError(Exception):
    """An engine could not load or run its model; says why, in the engine's words."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What it took to get ready.

    Attributes:
        load_ms: loading the model, its libraries being imported already.
        first_run_ms: the first run, which may compile or pack weights.
        is_timed: whether times say anything; an emulator's do not.
    """

    load_ms: float
    first_run_ms: float
    is_timed: bool = True


@dataclass(frozen=True, slots=True)
class Timed:
    """One run.

    Attributes:
        wall_ms: as a clock on the wall sees it.
        processor_ms: time that the process had on the processor, all threads together; None where
            nothing tells.
    """

    wall_ms: float
    processor_ms: float | None


class Worker(Closing):
    """An engine in its process. Use it as a context manager."""

    def __init__(self, engine: Engine, inputs: list[_Inputs], *, timeout_s: float) -> None:
        """Start the process.

        Args:
            engine: what to run there.
            inputs: of the model, one entry for each picture.
            timeout_s: longest time for one request.
        """
        self._timeout_s = timeout_s
        self._log = tempfile.NamedTemporaryFile(prefix="edgeseal-bench-")  # noqa: SIM115
        context = multiprocessing.get_context("spawn")
        self._connection, other = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(other, self._log.name, engine, inputs), daemon=True
        )
        with _main_left_alone():
            self._process.start()
        other.close()

    def load(self) -> Loaded:
        """Load the model and run it once.

        Raises:
            EngineFailureError: it cannot.
        """
        loaded: Loaded = self._ask("load")
        return loaded

    def run(self, index: int) -> Timed:
        """Run the model on one picture.

        Raises:
            EngineFailureError: it cannot.
        """
        timed: Timed = self._ask("run", index)
        return timed

    def sustained(self, seconds: float) -> float:
        """Run back to back for about so long; return the runs per second.

        Raises:
            EngineFailureError: it cannot.
        """
        rate: float = self._ask("sustained", seconds)
        return rate

    def outputs(self) -> NDArray[np.float32]:
        """Return the first output for every picture, float32 [pictures, ...].

        Raises:
            EngineFailureError: it cannot.
        """
        values: NDArray[np.float32] = self._ask("outputs")
        return values

    def peak_memory_bytes(self) -> int | None:
        """Return the most memory so far of libraries and model; None where nothing tells.

        Raises:
            EngineFailureError: the process is gone.
        """
        peak: int | None = self._ask("peak_memory_bytes")
        return peak

    def close(self) -> None:
        """End the process."""
        self._connection.close()  # which ends it, unless it is busy
        self._process.join(_GOODBYE_S)
        self._process.terminate()
        self._process.join()
        self._log.close()

    def _ask(self, *request: object) -> Any:
        try:
            self._connection.send(request)
            if not self._connection.poll(self._timeout_s):
                self._process.kill()  # or it would slow the others down
                raise EngineFailureError(f"no answer within {self._timeout_s:g} s; see --timeout")
            answer, failure = self._connection.recv()
        except (EOFError, OSError) as error:
            self._process.join(1)
            status = self._process.exitcode
            raise EngineFailureError(
                f"its process ended with status {status}: {self._last_words()}"
            ) from error
        if failure is not None:
            raise EngineFailureError(failure)
        return answer

    def _last_words(self) -> str:
        log: IO[bytes] = self._log.file
        log.seek(0)
        text = " ".join(log.read().decode(errors="replace").split())
        return text[-_LAST_WORDS:] or "it said nothing"


class _Bench:
    """What the process does."""

    def __init__(self, engine: Engine, inputs: list[_Inputs]) -> None:
        self._engine = engine
        self._inputs = inputs
        self._run: Run | None = None
        self._before_bytes = _peak_bytes()

    def load(self) -> Loaded:
        for name in self._engine.libraries:
            importlib.import_module(name)
        start = time.perf_counter()
        self._run = self._engine.load()
        ready = time.perf_counter()
        self._once(0)
        return Loaded((ready - start) * 1e3, (time.perf_counter() - ready) * 1e3)

    def run(self, index: int) -> Timed:
        busy, start = time.process_time(), time.perf_counter()
        self._once(index)
        wall, processor = time.perf_counter() - start, time.process_time() - busy
        return Timed(wall * 1e3, processor * 1e3)

    def sustained(self, seconds: float) -> float:
        start = time.perf_counter()
        count = 0
        while time.perf_counter() - start < seconds:
            self._once(count)
            count += 1
        return count / (time.perf_counter() - start)

    def outputs(self) -> NDArray[np.float32]:
        # copied, because an engine may hand out its own buffer
        results = [np.array(self._once(i), np.float32) for i in range(len(self._inputs))]
        return np.concatenate([np.atleast_1d(result) for result in results])

    def peak_memory_bytes(self) -> int | None:
        peak = _peak_bytes()
        return None if peak is None or self._before_bytes is None else peak - self._before_bytes

    def _once(self, index: int) -> NDArray[Any]:
        if self._run is None:
            raise RuntimeError("the model is not loaded")
        return self._run(self._inputs[index % len(self._inputs)])


def _peak_bytes() -> int | None:
    """Return the most memory that this process held so far; None on Windows."""
    status = Path("/proc/self/status")
    if status.exists():  # Linux, where getrusage counts what the parent held as well
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    try:
        import resource
    except ModuleNotFoundError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


@contextlib.contextmanager
def _main_left_alone() -> Iterator[None]:
    """Let a process that starts in the body know nothing of the program that starts it.

    It would run that program again, from the top, to find what it needs there; that is nothing.
    """
    main = sys.modules["__main__"]
    path, spec = main.__dict__.pop("__file__", None), main.__spec__
    main.__spec__ = None
    try:
        yield
    finally:
        main.__spec__ = spec
        if path is not None:
            main.__file__ = path


def _serve(connection: Connection, log: str, engine: Engine, inputs: list[_Inputs]) -> None:
    """Answer requests until the other side is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends this process
    target = os.open(log, os.O_WRONLY | os.O_APPEND)
    os.dup2(target, 1)
    os.dup2(target, 2)
    bench = _Bench(engine, inputs)
    while True:
        try:
            verb, *arguments = connection.recv()
        except EOFError:
            return
        answer: Any = None
        failure: str | None = None
        try:
            answer = getattr(bench, verb)(*arguments)
        except Exception as error:  # whatever an engine raises is the answer
            failure = " ".join(f"{type(error).__name__}: {error}".split())
        connection.send((answer, failure))
