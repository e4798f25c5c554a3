"""Opens a detector of any engine behind one Protocol."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgeseal._files import sha256_of
from edgeseal.errors import FileError, UsageError
from edgeseal.watermark.evaluate._bits import Detector
from edgeseal.watermark.runtime import ModelInfo

__all__ = ["ENGINES", "OpenDetector", "open_detector", "sha256"]

ENGINES: dict[str, str] = {
    ".tflite": "edgeseal.watermark.evaluate._litert_detector:open_tflite",
    ".pth": "edgeseal.watermark.evaluate._pytorch_detector:open_checkpoint",
    ".pt": "edgeseal.watermark.evaluate._pytorch_detector:open_checkpoint",
    ".onnx": "edgeseal.watermark.evaluate._peer_detectors:open_onnx",
    ".xml": "edgeseal.watermark.evaluate._peer_detectors:open_openvino",
}
"""The function that opens a file of each ending, as MODULE:NAME: imported on first use, also in
worker processes. It takes the path and the card's name (or None) and returns an
:class:`OpenDetector`."""

_ON_DEVICE = "edgeseal.watermark.evaluate._device_detector:open_on_device"  # takes its name


@dataclass(frozen=True, slots=True, eq=False)
class OpenDetector:
    """A detector, ready to read.

    Attributes:
        path: its file.
        engine: what runs it, such as ``LiteRT``.
        info: what it is: card, bits, size of its pictures, recipe, checkpoint.
        detector: reads pictures.
    """

    path: Path
    engine: str
    info: ModelInfo
    detector: Detector


def open_detector(
    path: str | Path, *, card: str | None = None, device: str | None = None
) -> OpenDetector:
    """Open a detector, for one thread.

    Args:
        path: a file whose ending names its engine (:data:`ENGINES`).
        card: model card of a file that does not say it, such as a checkpoint.
        device: where ``.tflite`` files run; None for this processor.

    Raises:
        UsageError: no engine takes files of this ending, the card is missing, or the device cannot
            be asked here.
        MissingExtraError: the engine is not installed.
        FileError, ModelError, CheckpointError: the file cannot be used.
    """
    path = Path(path)
    if path.suffix.lower() not in ENGINES:
        raise UsageError(
            f"{path}: no engine for files of this ending; those with {', '.join(ENGINES)} have one"
        )
    engine, told = ENGINES[path.suffix.lower()], card
    if device is not None and path.suffix.lower() == ".tflite":
        engine, told = _ON_DEVICE, device
    module, _, name = engine.partition(":")
    opener: Callable[[Path, Any], OpenDetector] = getattr(importlib.import_module(module), name)
    return opener(path, told)


def sha256(path: Path) -> str:
    """Return the checksum of a file as 64 hexadecimal digits.

    Raises:
        FileError: it cannot be read.
    """
    try:
        return sha256_of(path)
    except OSError as error:
        raise FileError(f"{path}: cannot be read ({error.strerror})") from error
