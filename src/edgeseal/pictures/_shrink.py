"""Pictures at a model's size: the resize of ``_resize``, straight from pixels of 8 or 16 bits.

The filter is the same triangle. Rows come first, since they lie one behind the other: every row of
the result is one weighted sum of whole rows, which numpy converts to floats a piece at a time. So
no picture of floats is ever made, which takes less time than Pillow's filter on planes of floats.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["shrink_pixels"]


def shrink_pixels(
    pixels: NDArray[Any], size: int, *, box: tuple[float, float, float, float] | None = None
) -> NDArray[np.float32]:
    """Resize a picture to a square, not keeping the aspect ratio.

    Args:
        pixels: uint8, uint16 or float32 [H, W, C], any range.
        size: rows and columns of the result.
        box: left, top, right and bottom edge of the part to resize, in pixels; all of it if None.

    Returns:
        float32 [size, size, C], in the range of the pixels.
    """
    height, width, channels = pixels.shape
    left, top, right, bottom = box or (0.0, 0.0, float(width), float(height))
    low = _resized_rows(pixels, size, top, bottom).reshape(size, width, channels)
    columns = np.ascontiguousarray(low.transpose(1, 2, 0))
    small = _resized_rows(columns, size, left, right).reshape(size, channels, size)
    return np.ascontiguousarray(small.transpose(2, 0, 1))


def _resized_rows(
    values: NDArray[Any], size: int, start: float, stop: float
) -> NDArray[np.float32]:
    """Resize along the first axis: [N, ...] to float32 [size, values in a row]."""
    first, weights = _taps(len(values), size, start, stop)
    taps = weights.shape[1]
    rows = np.empty((size, math.prod(values.shape[1:])), np.float32)
    for row, place, weight in zip(rows, first.tolist(), weights, strict=True):
        # one block at a time, which is copied if it is a part of wider pixels, such as RGB of RGBA
        block = values[place : place + taps].reshape(taps, -1)
        np.einsum("k,kn->n", weight, block, out=row)
    return rows


def _taps(
    count: int, size: int, start: float, stop: float
) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Return the first source of each result, [size], and the weights from there on, [size, taps].

    A triangle around the place of each result, as wide as two sources, or as two results where
    these are wider.
    """
    scale = (stop - start) / size
    reach = max(scale, 1.0)
    places = start + (np.arange(size) + 0.5) * scale
    taps = min(count, math.ceil(2 * reach) + 1)
    first = np.floor(places - reach + 0.5).astype(np.intp).clip(0, count - taps)
    distances = np.abs(first[:, None] + np.arange(taps) + 0.5 - places[:, None])
    weights = np.maximum(0.0, 1.0 - distances / reach)
    return first, (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
