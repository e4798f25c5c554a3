"""Detectors on devices, or on what stands for them here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgeseal.tflite.devices import DeviceModel
from edgeseal.tflite.metrics import real_values
from edgeseal.tflite.probe import is_quantized, quantize
from edgeseal.watermark.evaluate._engines import OpenDetector
from edgeseal.watermark.runtime import load_detector

__all__ = ["open_on_device"]

_TIMEOUT_S = 3600.0  # an emulator may take minutes for a picture of a large detector


class _DeviceDetector:
    """Reads pictures on a device, one at a time."""

    def __init__(self, model: DeviceModel) -> None:
        self._model = model

    def logits(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return float32 [N, bits] for pictures float32 [N, H, W, 3], RGB, 0..1."""
        main = self._model.model.main
        (source,), (result,) = main.inputs, main.outputs
        rows = [np.empty((0, result.shape[-1]), np.float32)]
        size = source.shape[0]
        for start in range(0, len(batch), size):
            values = np.zeros(source.shape, np.float32)
            values[: len(batch) - start] = batch[start : start + size]
            stored = quantize(values, source) if is_quantized(source) else values
            (logits,) = self._model.run((stored,))
            rows.append(np.asarray(real_values(logits, result), np.float32))
        return np.concatenate(rows)[: len(batch), 1:]


def open_on_device(path: Path, device: str) -> OpenDetector:
    """Open a ``.tflite`` file for a device.

    Raises:
        FileError, ModelError: as :func:`edgeseal.watermark.runtime.load_detector`.
        UsageError: the device cannot be asked here.
    """
    info = load_detector(path).info
    model = DeviceModel(path, device, timeout_s=_TIMEOUT_S)
    return OpenDetector(path, f"LiteRT on {device}", info, _DeviceDetector(model))
