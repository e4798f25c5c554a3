"""Engines for tests; picklable, so that they can be run in a process of their own."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseal.tflite.benchmark import Run


@dataclass(frozen=True)
class Doubling:
    """Doubles its input after a pause, in the buffer that it used before."""

    seconds: float = 0.0
    model: str = "doubling"
    name: str = "test"
    libraries: tuple[str, ...] = ()
    size_bytes: int | None = 12

    def load(self) -> Run:
        buffer = np.zeros((1, 2), np.float32)

        def run(values: tuple[NDArray[Any], ...]) -> NDArray[Any]:
            time.sleep(self.seconds)
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
            time.sleep(60)
        if self.how == "hog":
            held = np.ones(2**26, np.uint8)
            return lambda values: values[0] + held[0]
        if self.how == "crash":
            os.write(2, b"last words\n")
            os._exit(3)
        raise AssertionError(self.how)
