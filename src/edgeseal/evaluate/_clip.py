"""The first frames of videos, as clips to mark and attack."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgeseal.errors import ImageError, MissingExtraError
from edgeseal.evaluate._metrics import ssim
from edgeseal.runtime import LiteRTEmbedder, Message, resize
from edgeseal.video import mark_frames

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
        uint8 [T, H, W, 3], RGB.

    Raises:
        MissingExtraError: PyAV is not installed.
        ImageError: the file is no video, or has no frame.
    """
    try:
        import av
    except ModuleNotFoundError as error:
        raise MissingExtraError("evaluating videos", "video") from error
    try:
        with av.open(str(path)) as container:
            decoded = islice(container.decode(video=0), frames)
            clip = [_shrunk(frame.to_ndarray(format="rgb24"), max_side) for frame in decoded]
    except (av.error.FFmpegError, OSError, IndexError, ValueError) as error:
        raise ImageError(f"{path}: cannot be decoded as a video ({error})") from error
    if not clip:
        raise ImageError(f"{path}: has no frames")
    return np.stack(clip)


def mark_clip(embedder: LiteRTEmbedder, clip: Stored, message: Message) -> Stored:
    """Mark a clip as a video is marked: a watermark for each key frame, repeated to the next."""
    return np.stack(list(mark_frames(embedder, clip, message)))


def clip_ssim(original: Stored, marked: Stored) -> float | None:
    """Return the structural similarity, mean over every eighth frame; None if too small."""
    pairs = zip(original[::_SSIM_EVERY], marked[::_SSIM_EVERY], strict=True)
    values = [value for pair in pairs if (value := ssim(*pair)) is not None]
    return float(np.mean(values)) if values else None


def _shrunk(frame: Stored, max_side: int) -> Stored:
    height, width = frame.shape[:2]
    factor = max_side / max(height, width)
    if not 0 < factor < 1:
        return frame
    sides = max(1, round(factor * height)), max(1, round(factor * width))
    small: Stored = np.rint(resize(frame.astype(np.float32), *sides)).clip(0, 255).astype(np.uint8)
    return small
