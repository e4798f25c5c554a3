"""Frames as arrays and back."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseal.watermark.video._orientation import UPRIGHT, Orientation
from edgeseal.watermark.video._video_files import import_av

__all__ = ["display_matrix", "from_pixels", "has_alpha", "orientation", "to_pixels"]

_DISPLAY_MATRIX = "DISPLAYMATRIX"


def to_pixels(frame: Any) -> NDArray[Any]:
    """Return a frame as it is stored: uint8 [H, W, 3], or uint16 for more than 8 bits; RGB."""
    deep = any(component.bits > 8 for component in frame.format.components)
    pixels: NDArray[Any] = frame.to_ndarray(format="rgb48le" if deep else "rgb24")
    return pixels


def from_pixels(pixels: NDArray[Any], like: Any, pix_fmt: str) -> Any:
    """Return a frame of a pixel format with the times and colours of another.

    Args:
        pixels: uint8 or uint16 [H, W, 3], RGB.
        like: the frame that ``pixels`` were made from.
        pix_fmt: FFmpeg's name of the format.
    """
    av = import_av()
    name = "rgb48le" if pixels.dtype == np.uint16 else "rgb24"
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format=name)
    frame = frame.reformat(
        format=pix_fmt, dst_colorspace=like.colorspace, dst_color_range=like.color_range
    )
    frame.pts, frame.time_base, frame.duration = like.pts, like.time_base, like.duration
    for name in ("colorspace", "color_range", "color_primaries", "color_trc"):
        setattr(frame, name, getattr(like, name))
    return frame


def has_alpha(frame: Any) -> bool:
    """Say whether a frame has transparency."""
    return any(component.is_alpha for component in frame.format.components)


def display_matrix(frame: Any) -> tuple[int, ...] | None:
    """Return how a frame is to be shown, nine integers, or None for as it is stored."""
    data = frame.side_data.get(_DISPLAY_MATRIX)
    return None if data is None else tuple(np.frombuffer(bytes(data), np.int32).tolist())


def orientation(frame: Any) -> Orientation:
    """Return what makes a frame upright."""
    matrix = display_matrix(frame)
    return UPRIGHT if matrix is None else Orientation.of_matrix(matrix)
