"""The first frames of videos, as clips to mark and attack."""

from __future__ import annotations

import contextlib
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseal.watermark.evaluate._metrics import ssim
from edgeseal.watermark.evaluate._stored_pixels import to_stored
from edgeseal.watermark.runtime import LiteRTEmbedder, Message
from edgeseal.watermark.video import mark_frames, read_frames

__all__ = ["clip_ssim", "mark_clip", "read_clip"]

_SSIM_EVERY = 8  # frames

Stored = NDArray[np.uint8]


def read_clip(path: Path, *, frames: int, max_side: int) -> Stored:
    """Read the first frames of a video, shrunk if they are larger than wanted.

    Args:
        path: a video file.
        frames: as many as there are if there are fewer.
        max_side: longest side, in pixels; 0 for any.

    Returns:
        uint8 [T, H, W, 3], RGB, as they are shown.

    Raises:
        MissingExtraError: PyAV is not installed.
        FileError, VideoError: the file cannot be read, is no video, or has no frame.
    """
    with contextlib.closing(read_frames(path)) as found:
        return np.stack([to_stored(_unit(frame), max_side) for frame in islice(found, frames)])


def mark_clip(embedder: LiteRTEmbedder, clip: Stored, message: Message) -> Stored:
    """Mark a clip as a video is marked: a watermark for each key frame, repeated to the next."""
    return np.stack(list(mark_frames(embedder, clip, message)))


def clip_ssim(original: Stored, marked: Stored) -> float | None:
    """Return the structural similarity, mean over every eighth frame; None if too small."""
    pairs = zip(original[::_SSIM_EVERY], marked[::_SSIM_EVERY], strict=True)
    values = [value for pair in pairs if (value := ssim(*pair)) is not None]
    return float(np.mean(values)) if values else None


def _unit(frame: NDArray[Any]) -> NDArray[np.float32]:
    unit: NDArray[np.float32] = frame.astype(np.float32) / np.float32(np.iinfo(frame.dtype).max)
    return unit
