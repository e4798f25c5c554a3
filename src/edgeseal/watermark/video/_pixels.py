"""Frames as arrays and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseal.watermark.video._orientation import UPRIGHT, Orientation

__all__ = ["display_matrix", "has_alpha", "orientation", "to_pixels", "with_pixels"]

_DISPLAY_MATRIX = "DISPLAYMATRIX"
_COLOURS = ("colorspace", "color_range", "color_primaries", "color_trc")
_UNSPECIFIED = (2, 0)  # matrix and range


def to_pixels(frame: Any) -> NDArray[Any]:
    """Return a frame as it is stored: uint8 [H, W, 3], or uint16 for more than 8 bits; RGB."""
    deep = any(component.bits > 8 for component in frame.format.components)
    pixels: NDArray[Any] = frame.to_ndarray(format="rgb48le" if deep else "rgb24")
    return pixels


def with_pixels(frame: Any, change: Callable[[NDArray[Any]], NDArray[Any]], pix_fmt: str) -> Any:
    """Return a frame of a pixel format with other pixels and everything else of a frame.

    Times, colours, fields, captions and light levels are notes on a frame, which PyAV cannot write
    but FFmpeg takes along when it converts a frame: so the frame is converted, and filled anew.

    Args:
        frame: the frame; of no use afterwards.
        change: takes and returns uint8 or uint16 [H, W, 3], RGB.
        pix_fmt: FFmpeg's name of the format.
    """
    colours = {name: getattr(frame, name) for name in _COLOURS}
    pixels = to_pixels(frame)
    held = frame.reformat(format="rgb48le" if pixels.dtype == np.uint16 else "rgb24")
    held.make_writable()
    _fill(held, change(pixels))
    held.colorspace, held.color_range = _UNSPECIFIED
    made = held.reformat(
        format=pix_fmt,
        dst_colorspace=colours["colorspace"],
        dst_color_range=colours["color_range"],
    )
    for name, value in colours.items():
        setattr(made, name, value)
    made.pict_type = 0  # else the encoder follows the source's kinds of frames
    return made


def _fill(frame: Any, pixels: NDArray[Any]) -> None:
    """Write pixels into a frame of RGB, whose rows may be padded."""
    plane = frame.planes[0]
    rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
    flat = np.ascontiguousarray(pixels).view(np.uint8).reshape(len(pixels), -1)
    rows[:, : flat.shape[1]] = flat


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
