"""The process in which LiteRT.js in a browser answers."""

from __future__ import annotations

import sys
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from edgeseal.tflite.devices._browser import Browser, BrowserError, BrowserGoneError
from edgeseal.tflite.devices._trial import (
    BrowserOpen,
    BrowserRun,
    BrowserTold,
    DeviceAnswer,
    DeviceRequest,
    Sample,
)
from edgeseal.tflite.workers import Status, serve

_TYPES = ("float32", "int32", "uint8")


class _Page:
    """The browser, which is started for the first model, and again after a crash."""

    def __init__(self) -> None:
        program, self._accelerator, threads, *self._options, folder = sys.argv[1:]
        self._start = program, self._options, Path(folder)
        self._threads = int(threads)
        self._browser: Browser | None = None
        self._content = b""
        self._opened: dict[str, Any] = {}

    def open(self, content: bytes) -> dict[str, Any]:
        if content != self._content:  # the next sample is often for the same model
            self._content = b""
            job = {"verb": "open", "accelerator": self._accelerator, "threads": self._threads}
            self._opened, _ = self._ask(job, content)
            self._content = content
        return self._opened

    def run(self, request: BrowserRun) -> tuple[dict[str, Any], Sample]:
        inputs = [
            {"type": v.dtype.name, "shape": v.shape, "size": v.nbytes} for v in request.sample
        ]
        job = {"verb": "run", "inputs": inputs, "seconds": request.seconds}
        found, content = self._ask(job, b"".join(v.tobytes() for v in request.sample))
        outputs, at = [], 0
        for (shape, kind), size in zip(request.outputs, found["sizes"], strict=True):
            outputs.append(
                np.frombuffer(content, kind, size // np.dtype(kind).itemsize, at).reshape(shape)
            )
            at += size
        return found, tuple(outputs)

    def _ask(self, job: dict[str, Any], content: bytes) -> tuple[dict[str, Any], bytes]:
        try:
            if self._browser is None:
                self._browser = Browser(*self._start)
            return self._browser.ask(job, content)
        except BrowserGoneError:
            self._browser, self._content = None, b""
            raise


def answer(request: DeviceRequest | BrowserOpen | BrowserRun) -> DeviceAnswer | BrowserTold:
    """Open a model and run it, or do either of it and say how long it took."""
    if isinstance(request, DeviceRequest):
        return _answer(request)
    try:
        if isinstance(request, BrowserOpen):
            return BrowserTold(_page().open(request.model))
        return BrowserTold(*_page().run(request))
    except (BrowserError, BrowserGoneError) as error:
        return BrowserTold(failure=str(error))


def _answer(request: DeviceRequest) -> DeviceAnswer:
    kinds = {values.dtype.name for sample in request.samples for values in sample}
    strange = sorted({*kinds, *(kind for _, kind in request.outputs)} - {*_TYPES})
    if strange:
        said = f"LiteRT.js gives and takes {', '.join(_TYPES)}, and no {', '.join(strange)}"
        return DeviceAnswer(Status.REFUSED, said)
    try:
        opened = _page().open(request.model)
        if "missing" in opened:
            return DeviceAnswer(Status.NOT_TRIED, opened["missing"])
        if not opened["is_whole"]:
            return DeviceAnswer(Status.REFUSED, "LiteRT.js computes some operators without it")
    except BrowserError as error:
        return DeviceAnswer(Status.REFUSED, str(error))
    except BrowserGoneError as error:
        return DeviceAnswer(Status.CRASHED, str(error))
    try:
        runs = [_page().run(BrowserRun(sample, request.outputs)) for sample in request.samples]
    except BrowserError as error:
        return DeviceAnswer(Status.FAILED, str(error), pieces=1)
    except BrowserGoneError as error:
        return DeviceAnswer(Status.CRASHED, str(error), pieces=1)
    return DeviceAnswer(Status.RAN, pieces=1, outputs=tuple(outputs for _, outputs in runs))


@lru_cache(maxsize=1)
def _page() -> _Page:
    return _Page()


if __name__ == "__main__":
    serve(answer)
