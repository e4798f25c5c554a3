"""What models give on a device; never in which time, since that would be an emulator's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseal.errors import ModelError
from edgeseal.tflite.benchmark._interleaved import EngineMeasurement
from edgeseal.tflite.devices import DeviceModel
from edgeseal.tflite.metrics import real_values

__all__ = ["run_on_device"]


def run_on_device(
    path: Path,
    device: str,
    inputs: Sequence[tuple[NDArray[Any], ...]],
    *,
    timeout_s: float,
    advance: Callable[[str], None] = lambda _: None,
) -> EngineMeasurement:
    """Run a file on a device, without timings.

    Args:
        path: any ``.tflite`` file of fixed shapes.
        device: its name.
        inputs: of the model, one entry for each picture.
        timeout_s: longest time for one run.
        advance: called with what is done next.

    Raises:
        UsageError: the device cannot be asked here.
        FileError: the file cannot be read.
    """
    known = str(path), f"LiteRT on {device}", path.stat().st_size
    outputs = []
    try:
        with DeviceModel(path, device, timeout_s=timeout_s) as model:
            result = model.model.main.outputs[0]
            for number, sample in enumerate(inputs):
                advance(f"picture {number + 1} of {len(inputs)} on {device}")
                values = real_values(model.run(sample)[0], result)
                outputs.append(np.asarray(values, np.float32).reshape(-1, *result.shape[1:]))
    except ModelError as error:
        return EngineMeasurement(*known, failure=str(error))
    return EngineMeasurement(*known, outputs=np.concatenate(outputs))
