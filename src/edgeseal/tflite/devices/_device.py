"""Devices that can be had here: what they are, what they want, and how they are asked."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from edgeseal._closing import Closing
from edgeseal.errors import UsageError
from edgeseal.tflite.devices._trial import COMPILED, DeviceAnswer, DeviceRequest, Sample
from edgeseal.tflite.graph import Model, serialize
from edgeseal.tflite.probe import numpy_type
from edgeseal.tflite.workers import WorkerGoneError, WorkerProcess

__all__ = ["Device", "DeviceSession"]

_TURNS, _TURN_S = 50, 0.05  # while killed processes end


@dataclass(frozen=True, slots=True)
class Device:
    """A device, or what stands for it on this machine.

    Attributes:
        name: as users write it, such as ``qualcomm:SM8650``.
        title: what really runs, for reports.
        command: a Python that ends in :func:`~edgeseal.tflite.workers.serve`; the folder for its
            files is added.
        environment: variables that it needs.
        missing: what has to be installed before it can be asked; empty if nothing.
        runs: whether models can be run, not only compiled.
    """

    name: str
    title: str
    command: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    missing: str = ""
    runs: bool = True


class DeviceSession(Closing):
    """The process that asks a device; started when it is first needed, and again after a crash.

    Use it as a context manager: nothing is left behind.

    Attributes:
        device: the device.
    """

    def __init__(self, device: Device, *, timeout_s: float) -> None:
        """Remember a device.

        Args:
            device: one with nothing missing.
            timeout_s: longest time for one model.

        Raises:
            UsageError: something is missing.
        """
        if device.missing:
            raise UsageError(f"{device.name} cannot be asked here: {device.missing}")
        self.device = device
        self._timeout_s = timeout_s
        self._worker: WorkerProcess | None = None
        self._folder = tempfile.TemporaryDirectory(prefix="edgeseal-device-")

    def ask(self, model: Model, samples: tuple[Sample, ...]) -> DeviceAnswer:
        """Let the device compile a model and run it.

        Args:
            model: with one function and fixed shapes.
            samples: what to run it on.

        Raises:
            ProbeError: the process cannot start.
        """
        outputs = tuple((t.shape, np.dtype(numpy_type(t)).name) for t in model.main.outputs)
        request = DeviceRequest(bytes(serialize(model)), samples, outputs)
        try:
            answer: DeviceAnswer = self.tell(request)
        except WorkerGoneError as gone:
            return DeviceAnswer(gone.status, _why(gone))
        return answer

    def tell(self, request: object) -> Any:
        """Send the process any request that it knows; return its answer.

        Raises:
            ProbeError: it cannot start.
            WorkerGoneError: it crashed or gave no answer in time; the next request starts another.
        """
        try:
            if self._worker is None:
                self._worker = self._started()
            return self._worker.ask(request, self._timeout_s)
        except BaseException:  # after Ctrl-C, the next answer would be to this request
            self._end_worker()
            raise

    def compiled(self) -> Path | None:
        """Return the file that the device's compiler made of the last model; None if it makes none.

        It holds what that model held beside its operators: signatures and metadata. The next
        model's takes its place, and it goes with the session.
        """
        path = Path(self._folder.name) / COMPILED
        return path if path.exists() else None

    def close(self) -> None:
        """End the process and remove its files."""
        self._end_worker()
        self._folder.cleanup()

    def _started(self) -> WorkerProcess:
        return WorkerProcess(
            [*self.device.command, self._folder.name],
            what=f"the process for {self.device.name}",
            environment=self.device.environment,
        )

    def _end_worker(self) -> None:
        if self._worker is not None:
            self._worker.close()
            self._worker = None
            _empty(Path(self._folder.name))


def _empty(folder: Path) -> None:
    """Remove what a process was doing; what it started, and was killed with it, may still write."""
    for _ in range(_TURNS):
        try:
            for path in folder.iterdir():
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        except OSError:
            time.sleep(_TURN_S)
        else:
            return


def _why(gone: WorkerGoneError) -> str:
    said = str(gone)
    if said.startswith("SIGKILL"):
        return f"{said}: ended from outside, as the system does where memory runs out"
    return said
