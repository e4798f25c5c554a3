"""LiteRT.js in a browser, timed there: what goes to the browser and back does not count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseal._closing import Closing
from edgeseal.errors import ProbeError
from edgeseal.tflite.benchmark._engine_worker import EngineFailureError, Loaded, Timed
from edgeseal.tflite.devices import (
    BrowserOpen,
    BrowserRun,
    BrowserTold,
    DeviceSession,
    browser_device,
)
from edgeseal.tflite.graph import read_model
from edgeseal.tflite.metrics import real_values
from edgeseal.tflite.probe import numpy_type
from edgeseal.tflite.workers import WorkerGoneError

__all__ = ["BrowserWorker", "LiteRTInBrowser"]


@dataclass(frozen=True, slots=True)
class LiteRTInBrowser:
    """A file in LiteRT.js.

    Attributes:
        path: any ``.tflite`` file.
        backend: one of :data:`~edgeseal.tflite.devices.BROWSER_BACKENDS`.
        threads: of ``wasm-threads``.
    """

    path: Path
    backend: str
    threads: int

    @property
    def model(self) -> str:
        return str(self.path)

    @property
    def name(self) -> str:
        return browser_device(self.backend, threads=self.threads).title

    @property
    def size_bytes(self) -> int:
        return self.path.stat().st_size


class BrowserWorker(Closing):
    """A model in a browser of its own, asked as an engine in a process is."""

    def __init__(
        self,
        engine: LiteRTInBrowser,
        inputs: Sequence[tuple[NDArray[Any], ...]],
        *,
        timeout_s: float,
    ) -> None:
        """Remember what to run; the browser starts with the first question."""
        self._path, self._inputs = engine.path, inputs
        device = browser_device(engine.backend, threads=engine.threads)
        self._session = DeviceSession(device, timeout_s=timeout_s)
        self._main = read_model(engine.path).main
        outputs = self._main.outputs
        self._outputs = tuple((t.shape, np.dtype(numpy_type(t)).name) for t in outputs)
        self._heap_bytes: int | None = None

    def load(self) -> Loaded:
        """Open the model and run it once.

        Raises:
            EngineFailureError: it cannot.
        """
        opened = self._told(BrowserOpen(self._path.read_bytes())).facts
        if "missing" in opened:
            raise EngineFailureError(opened["missing"])
        if not opened["is_whole"]:
            raise EngineFailureError("it does not take all of the model's operators")
        return Loaded(opened["load_ms"], self._run(0).facts["ms"], not opened["is_software"])

    def run(self, index: int) -> Timed:
        """Run the model on one picture.

        Raises:
            EngineFailureError: it cannot.
        """
        return Timed(self._run(index).facts["ms"], None)

    def sustained(self, seconds: float) -> float:
        """Run back to back for about so long; return the runs per second.

        Raises:
            EngineFailureError: it cannot.
        """
        return 1e3 / float(self._run(0, seconds).facts["ms"])

    def outputs(self) -> NDArray[np.float32]:
        """Return the first output for every picture, float32 [pictures, ...].

        Raises:
            EngineFailureError: it cannot.
        """
        first = self._main.outputs[0]
        stored = [self._run(index).outputs[0] for index in range(len(self._inputs))]
        return np.concatenate([np.asarray(real_values(one, first), np.float32) for one in stored])

    def peak_memory_bytes(self) -> int | None:
        """Return the size of WebAssembly's memory, which only grows; no graphics processor's."""
        return self._heap_bytes

    def close(self) -> None:
        """End the browser."""
        self._session.close()

    def _run(self, index: int, seconds: float = 0.0) -> BrowserTold:
        sample = self._inputs[index % len(self._inputs)]
        told = self._told(BrowserRun(sample, self._outputs, seconds))
        self._heap_bytes = told.facts["heap_bytes"]
        return told

    def _told(self, request: BrowserOpen | BrowserRun) -> BrowserTold:
        try:
            told: BrowserTold = self._session.tell(request)
        except (WorkerGoneError, ProbeError) as error:
            raise EngineFailureError(str(error)) from error
        if told.failure:
            raise EngineFailureError(told.failure)
        return told
