"""Reading a picture between its pixels; outside it is black."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgeseal.watermark.evaluate.attacks._family import Picture

__all__ = ["sample_bilinear", "sample_nearest"]

Places = NDArray[np.float64]


def sample_nearest(picture: Picture, y: Places, x: Places) -> Picture:
    """Return the nearest pixels to rows ``y`` and columns ``x``, [H', W'] each; halves to even."""
    return _gather(picture, np.rint(y).astype(np.intp), np.rint(x).astype(np.intp))


def sample_bilinear(picture: Picture, y: Places, x: Places) -> Picture:
    """Return bilinear mixtures of the four pixels around rows ``y`` and columns ``x``."""
    top, left = np.floor(y), np.floor(x)
    down, right = (y - top).astype(np.float32), (x - left).astype(np.float32)
    rows, columns = top.astype(np.intp), left.astype(np.intp)
    mixed = np.zeros((*y.shape, picture.shape[2]), np.float32)
    for dy, weight_y in ((0, 1 - down), (1, down)):
        for dx, weight_x in ((0, 1 - right), (1, right)):
            weight = (weight_y * weight_x)[..., None]
            mixed += weight * _gather(picture, rows + dy, columns + dx)
    return mixed


def _gather(picture: Picture, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> Picture:
    height, width, channels = picture.shape
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    places = np.where(inside, rows * width + columns, height * width)
    flat = np.concatenate([picture.reshape(-1, channels), np.zeros((1, channels), np.float32)])
    gathered: Picture = flat[places]
    return gathered
