"""Asks devices about a file: what they take, and whether what they compute is right."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from edgeseal.pictures import ImageInput
from edgeseal.tflite.devices._device import DeviceSession
from edgeseal.tflite.devices._device_report import DeviceReport
from edgeseal.tflite.devices._examiner import Examiner
from edgeseal.tflite.devices._known_devices import find_devices
from edgeseal.tflite.graph import read_model
from edgeseal.tflite.probe import Prober

__all__ = ["check_on"]


def check_on(
    path: str | Path,
    devices: Sequence[str],
    *,
    float_model: str | Path | None = None,
    pictures: Sequence[ImageInput] | None = None,
    one_by_one: bool = True,
    seed: int = 0,
    timeout_s: float = 600.0,
    progress: Callable[[str], None] = lambda _: None,
) -> DeviceReport:
    """Let devices compile a file and run it, and compare with LiteRT on this processor.

    The whole model is run on every input, and its operators one by one on the values that reach
    them with the first. Each device answers in a process of its own, so that a crash or a hang is
    an answer.

    Args:
        path: any ``.tflite`` file of fixed shapes.
        devices: names, as :func:`find_device` takes them.
        float_model: the file that it was made from; a device that is as near to that as this
            processor is right, too.
        pictures: what to run on, resized to the input; None to draw pink noise, or values from
            the inputs' ranges.
        one_by_one: whether to try operators one by one too.
        seed: for what is drawn.
        timeout_s: longest time for one model, and for one batch of operators.
        progress: told what is being done.

    Raises:
        UsageError: there is no such device, or something has to be installed for it; says what; or
            the float model has other inputs or outputs.
        FileError, ModelError: the file cannot be read, or does not run on this processor.
        ProbeError: a process cannot start.
    """
    path = Path(path)
    chosen = find_devices(devices)
    model = read_model(path)
    with Prober(timeout_s=timeout_s) as prober:
        progress("running on this processor")
        other = None if float_model is None else (read_model(float_model), Path(float_model))
        examiner = Examiner(model, path, prober, float_model=other, pictures=pictures, seed=seed)
        results = []
        for device in chosen:
            with DeviceSession(device, timeout_s=timeout_s) as session:
                results.append(
                    examiner.examine(model, session, one_by_one=one_by_one, progress=progress)
                )
    return DeviceReport(path, tuple(results))
