"""The picture is seen from the side: its corners move inwards by chance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgeseal.watermark.evaluate.attacks._family import AttackFamily, Picture
from edgeseal.watermark.evaluate.attacks._sample import sample_bilinear

__all__ = ["FAMILY", "warp"]

Corners = list[tuple[int, int]]


def warp(picture: Picture, corners: Corners) -> Picture:
    """Move the corner pixels of a picture; what is not covered becomes black.

    Args:
        picture: float32 [H, W, 3].
        corners: new (column, row) of the corners: top left, top right, bottom right, bottom left.
    """
    height, width = picture.shape[:2]
    before = [(0, 0), (width - 1, 0), (width - 1, height - 1), (0, height - 1)]
    a, b, c, d, e, f, g, h = _coefficients(corners, before)
    y = (np.arange(height) + 0.5)[:, None]
    x = (np.arange(width) + 0.5)[None, :]
    depth = g * x + h * y + 1
    source_x = (a * x + b * y + c) / depth - 0.5
    source_y = (d * x + e * y + f) / depth - 0.5
    return sample_bilinear(picture, source_y, source_x)


def _change(picture: Picture, strength: float, rng: np.random.Generator) -> Picture:
    height, width = picture.shape[:2]
    dx, dy = int(strength * (width // 2)), int(strength * (height // 2))

    def near(first: int, last: int) -> int:
        return int(rng.integers(max(first, 0), last + 1))

    corners = [
        (near(0, dx), near(0, dy)),
        (near(width - dx - 1, width - 1), near(0, dy)),
        (near(width - dx - 1, width - 1), near(height - dy - 1, height - 1)),
        (near(0, dx), near(height - dy - 1, height - 1)),
    ]
    return warp(picture, corners)


def _coefficients(source: Corners, target: Corners) -> NDArray[np.float64]:
    """Return the projective map of four points to four others, by least squares."""
    rows, values = [], []
    for (x, y), (u, v) in zip(source, target, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    found = np.linalg.lstsq(np.array(rows, np.float64), np.array(values, np.float64), rcond=None)
    return np.asarray(found[0], np.float64)


FAMILY = AttackFamily("perspective", _change, strength="distortion", low=0, high=0.95)
