"""A model that runs on a device, sample by sample."""

from __future__ import annotations

import weakref
from pathlib import Path

from edgeseal._closing import Closing
from edgeseal.errors import ModelError, UsageError
from edgeseal.tflite.devices._device import DeviceSession
from edgeseal.tflite.devices._known_devices import find_devices
from edgeseal.tflite.devices._trial import DeviceAnswer, Sample
from edgeseal.tflite.graph import Model, read_model
from edgeseal.tflite.probe import cut_function, numpy_type
from edgeseal.tflite.workers import Status

__all__ = ["DeviceModel", "refuse_dynamic"]


class DeviceModel(Closing):
    """A file on a device: what it computes, without a word on whether that is right.

    Use it as a context manager, close it, or drop it. It is compiled once.
    """

    def __init__(self, path: str | Path, device: str, *, timeout_s: float = 600.0) -> None:
        """Read a file; the device is asked when it first runs.

        Args:
            path: any ``.tflite`` file of fixed shapes.
            device: its name, as :func:`find_device` takes it.
            timeout_s: longest time for one run, with compiling.

        Raises:
            UsageError: there is no such device, something has to be installed for it, or it is only
                compiled for here.
            FileError: the file cannot be read.
            ModelError: it is no model, or shapes are not fixed.
        """
        (found,) = find_devices([device])
        if not found.runs:
            raise UsageError(f"{found.name}: nothing here runs models for it, only its compiler")
        self.path = Path(path)
        self.model = read_model(self.path)
        refuse_dynamic(self.model, self.path)
        self._whole: Model = cut_function(self.model.main).model
        self._session = DeviceSession(found, timeout_s=timeout_s)
        self._end = weakref.finalize(self, self._session.close)

    @property
    def title(self) -> str:
        """What really runs."""
        return self._session.device.title

    def run(self, sample: Sample) -> Sample:
        """Run the main subgraph.

        Args:
            sample: an array for each of its inputs, as it stores them.

        Returns:
            An array for each of its outputs.

        Raises:
            ModelError: the device does not take all of the model, or fails; in its own words.
            UsageError: nothing answers for the device.
            ProbeError: its process cannot start.
        """
        answer = self._session.ask(self._whole, (sample,))
        if answer.status is Status.RAN:
            (outputs,) = answer.outputs
            return outputs
        device = self._session.device.name
        if answer.status is Status.NOT_TRIED:
            raise UsageError(f"{device} cannot be asked here: {answer.message}")
        raise ModelError(
            f"{self.path} does not run on {device}: {_why(answer)}; `edgeseal check --on {device}` "
            f"says more, `edgeseal repair --for {device}` may help"
        )

    def close(self) -> None:
        """End the process that asks the device."""
        self._end()


def refuse_dynamic(model: Model, path: Path) -> None:
    """Refuse what devices cannot compile.

    Raises:
        ModelError: the shape of an input or output is not fixed, or its type is none of numpy's.
    """
    ends = [*model.main.inputs, *model.main.outputs]
    odd = [t.name for t in ends if t.is_dynamic or numpy_type(t) is None]
    if odd:
        raise ModelError(
            f"{path}: shape or type of {', '.join(map(repr, odd))} is not fixed, and devices "
            "compile for fixed ones; convert with fixed sizes"
        )


def _why(answer: DeviceAnswer) -> str:
    if answer.status is Status.PREPARED:
        return f"it falls into {answer.pieces} pieces"
    listed = "; ".join(map(str, answer.refusals))
    return " ".join((listed or answer.message or answer.status.value).split())
