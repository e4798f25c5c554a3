"""Times models in their engines: interleaved, each in a process of its own."""

from __future__ import annotations

import contextlib
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseal.tflite.benchmark._browser_engine import BrowserWorker, LiteRTInBrowser
from edgeseal.tflite.benchmark._engine import Engine
from edgeseal.tflite.benchmark._engine_worker import EngineFailureError, Loaded, Timed, Worker

__all__ = ["EngineMeasurement", "Timings", "bench"]

_WARM_UP_ROUNDS = 2
_SUSTAINED_TURNS = 3


@dataclass(frozen=True, slots=True)
class Timings:
    """How long a model takes.

    Attributes:
        load_ms: loading it, libraries imported already.
        first_run_ms: the first run.
        median_ms: of one run, over the rounds.
        p90_ms: 90 of 100 runs take no longer.
        processor_ms: median time on the processor, all threads together; far below ``median_ms``
            with one thread, it tells that other programs kept the machine busy. None in a browser.
        ratio: median over the rounds of this run's time by the first engine's in the same round.
        runs_per_s: runs per second, back to back.
        peak_memory_bytes: the most that libraries, model and runs took in its process, or of
            WebAssembly's memory; None where the system does not tell.
    """

    load_ms: float
    first_run_ms: float
    median_ms: float
    p90_ms: float
    processor_ms: float | None
    ratio: float
    runs_per_s: float
    peak_memory_bytes: int | None


@dataclass(frozen=True, slots=True, eq=False)
class EngineMeasurement:
    """One engine.

    Attributes:
        model: what was run.
        engine: what ran it.
        size_bytes: of its file, or None.
        timings: None where it could not run, or times would be an emulator's.
        outputs: first output for every picture, float32 [pictures, ...]; None where it could not
            run.
        failure: why it could not run, or None.
    """

    model: str
    engine: str
    size_bytes: int | None
    timings: Timings | None = None
    outputs: NDArray[np.float32] | None = None
    failure: str | None = None


def bench(
    engines: Sequence[Engine | LiteRTInBrowser],
    inputs: Sequence[Sequence[tuple[NDArray[Any], ...]]],
    *,
    rounds: int,
    sustained_s: float = 1.0,
    timeout_s: float = 600.0,
    advance: Callable[[str], None] = lambda _: None,
) -> list[EngineMeasurement]:
    """Time engines against the first of them that runs.

    Every engine has a process of its own and waits there while the others run, one run of each in
    turn, so that a slow moment of the machine hits all alike.

    Args:
        engines: what to time.
        inputs: for each engine its model's inputs, one entry for each picture.
        rounds: timed runs of each, after two that are not counted.
        sustained_s: how long each runs back to back, three times, for ``runs_per_s``.
        timeout_s: longest time for one answer of an engine.
        advance: called with what is done next.
    """
    with contextlib.ExitStack() as stack:
        contenders = []
        for engine, samples in zip(engines, inputs, strict=True):
            advance(f"loading {engine.model} in {engine.name}")
            worker = _worker(engine, samples, timeout_s)
            stack.enter_context(worker)
            contender = _Contender(engine, worker)
            contender.attempt(contender.load)
            contenders.append(contender)
        for number in range(_WARM_UP_ROUNDS + rounds):
            advance(f"round {number + 1} of {_WARM_UP_ROUNDS + rounds}")
            for contender in filter(_Contender.is_timed, contenders):
                contender.attempt(contender.run, number)
        for _ in range(_SUSTAINED_TURNS):
            advance("running back to back")
            for contender in filter(_Contender.is_timed, contenders):
                contender.attempt(contender.run_back_to_back, sustained_s)
        advance("comparing results")
        for contender in contenders:
            contender.attempt(contender.finish)
    return _measured(contenders)


def _worker(
    engine: Engine | LiteRTInBrowser,
    samples: Sequence[tuple[NDArray[Any], ...]],
    timeout_s: float,
) -> Worker | BrowserWorker:
    if isinstance(engine, LiteRTInBrowser):
        return BrowserWorker(engine, samples, timeout_s=timeout_s)
    return Worker(engine, list(samples), timeout_s=timeout_s)


class _Contender:
    """An engine under measurement; once it fails, it takes no more part."""

    def __init__(self, engine: Engine | LiteRTInBrowser, worker: Worker | BrowserWorker) -> None:
        self.engine = engine
        self.failure: str | None = None
        self.loaded: Loaded | None = None
        self.runs: list[Timed] = []
        self.rates: list[float] = []
        self.peak_memory_bytes: int | None = None
        self.outputs: NDArray[np.float32] | None = None
        self._worker = worker

    def is_timed(self) -> bool:
        return self.loaded is None or self.loaded.is_timed

    def attempt(self, step: Callable[..., None], *arguments: Any) -> None:
        if self.failure is None:
            try:
                step(*arguments)
            except EngineFailureError as failure:
                self.failure = str(failure)

    def load(self) -> None:
        self.loaded = self._worker.load()

    def run(self, index: int) -> None:
        self.runs.append(self._worker.run(index))

    def run_back_to_back(self, seconds: float) -> None:
        self.rates.append(self._worker.sustained(seconds))

    def finish(self) -> None:
        self.outputs = self._worker.outputs()
        self.peak_memory_bytes = self._worker.peak_memory_bytes()

    def wall_ms(self) -> NDArray[np.float64]:
        return np.array([run.wall_ms for run in self.runs[_WARM_UP_ROUNDS:]])


def _measured(contenders: list[_Contender]) -> list[EngineMeasurement]:
    reference = next((c for c in contenders if c.failure is None and c.is_timed()), None)
    return [_measurement(contender, reference) for contender in contenders]


def _measurement(contender: _Contender, reference: _Contender | None) -> EngineMeasurement:
    engine = contender.engine
    known = (engine.model, engine.name, engine.size_bytes)
    if contender.loaded is None or contender.failure is not None or reference is None:
        return EngineMeasurement(*known, failure=contender.failure)
    if not contender.is_timed():
        return EngineMeasurement(*known, outputs=contender.outputs)
    wall_ms = contender.wall_ms()
    timings = Timings(
        load_ms=contender.loaded.load_ms,
        first_run_ms=contender.loaded.first_run_ms,
        median_ms=float(np.median(wall_ms)),
        p90_ms=float(np.quantile(wall_ms, 0.9)),
        processor_ms=_median_or_none(r.processor_ms for r in contender.runs[_WARM_UP_ROUNDS:]),
        ratio=float(np.median(wall_ms / reference.wall_ms())),
        runs_per_s=statistics.median(contender.rates),
        peak_memory_bytes=contender.peak_memory_bytes,
    )
    return EngineMeasurement(*known, timings, contender.outputs)


def _median_or_none(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None
