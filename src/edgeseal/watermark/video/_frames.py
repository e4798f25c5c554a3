"""Frames of a video for whoever wants to look at them."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseal.watermark.video._pixels import to_pixels
from edgeseal.watermark.video._reader import VideoReader
from edgeseal.watermark.video._video_files import import_av

__all__ = ["read_frames"]


def read_frames(path: str | Path) -> Generator[NDArray[Any]]:
    """Yield the frames of a video as they are shown, turned if the file says so.

    Args:
        path: a video file. One that is damaged or cut short is read as far as it goes.

    Returns:
        uint8 [H, W, 3] each, or uint16 for more than 8 bits; RGB.

    Raises:
        MissingExtraError: PyAV is not installed.
        FileError, VideoError: the file cannot be read, or has no frames.
    """
    frame_type = import_av().VideoFrame
    with VideoReader(path) as reader:
        for item in reader.items(strict=False):
            if isinstance(item, frame_type):
                yield np.ascontiguousarray(reader.held.upright(to_pixels(item)))
