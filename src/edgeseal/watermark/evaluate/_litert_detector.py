"""Detectors in LiteRT."""

from __future__ import annotations

from pathlib import Path

from edgeseal.watermark.evaluate._engines import OpenDetector
from edgeseal.watermark.runtime import load_detector

__all__ = ["open_tflite"]


def open_tflite(path: Path, _card: str | None) -> OpenDetector:
    """Open a ``.tflite`` file, which describes itself.

    Raises:
        FileError, ModelError: as :func:`edgeseal.watermark.runtime.load_detector`.
    """
    detector = load_detector(path)
    return OpenDetector(path, "LiteRT", detector.info, detector)
