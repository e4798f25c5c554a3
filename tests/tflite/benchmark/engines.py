"""Engines for tests; picklable, so that they can be run in a process of their own."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseal.tflite.benchmark import Run, _engine_worker
from patience import HANG_S


class Clock:
    """Stands for the module ``time`` in the process of an engine: only its runs take time."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def perf_counter(self) -> float:
        return self.now_s

    def process_time(self) -> float:
        return self.now_s / 4


@dataclass(frozen=True)
class Doubling:
    """Doubles its input, in the buffer that it used before.

    Attributes:
        seconds: what each run takes by a clock of its own, on the processor for a quarter of
            that; None leaves the machine's clock in place.
    """

    seconds: float | None = None
    model: str = "doubling"
    name: str = "test"
    libraries: tuple[str, ...] = ()
    size_bytes: int | None = 12

    def load(self) -> Run:
        buffer = np.zeros((1, 2), np.float32)
        clock = Clock()
        if self.seconds is not None:
            _engine_worker.time = clock  # type: ignore[assignment]

        def run(values: tuple[NDArray[Any], ...]) -> NDArray[Any]:
            clock.now_s += self.seconds or 0
            np.multiply(values[0], 2, out=buffer)
            return buffer

        return run


@dataclass(frozen=True)
class Failing:
    """Fails in one of several ways."""

    how: str
    model: str = "failing"
    name: str = "test"
    libraries: tuple[str, ...] = ()
    size_bytes: int | None = None

    def load(self) -> Run:
        if self.how == "load":
            raise ValueError("no such\nmodel")
        if self.how == "hang":
            time.sleep(HANG_S)
        if self.how == "hog":
            held = np.ones(2**26, np.uint8)
            return lambda values: values[0] + held[0]
        if self.how == "later":
            left = iter([1, 1])  # the first run, and one of the rounds
            return lambda values: values[0] / next(left)
        if self.how == "crash":
            os.write(2, b"last words\n")
            os._exit(3)
        raise AssertionError(self.how)
