"""Attacks that move pixels."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from edgeseal.pictures import resize
from edgeseal.watermark.evaluate.attacks._family import AttackFamily, Picture

__all__ = ["FAMILIES", "warp"]

Corners = list[tuple[int, int]]
Places = NDArray[np.float64]


def _identity(picture: Picture, _strength: float, _rng: np.random.Generator) -> Picture:
    """Nothing happens."""
    return picture


def _flip(picture: Picture, _strength: float, _rng: np.random.Generator) -> Picture:
    """Left becomes right."""
    return np.ascontiguousarray(picture[:, ::-1])


def _rotate(picture: Picture, strength: float, _rng: np.random.Generator) -> Picture:
    """Rotation against the clock: quarter turns keep all, others are cropped to the frame."""
    quarters, angle = divmod(strength, 90)
    turned = np.ascontiguousarray(np.rot90(picture, int(quarters)))
    return turned if angle == 0 else _turn(turned, math.radians(angle))


def _turn(picture: Picture, angle: float) -> Picture:
    """Rotate about the centre; the corners become black, pixels are not mixed."""
    height, width = picture.shape[:2]
    y = (np.arange(height) - (height - 1) / 2)[:, None]
    x = (np.arange(width) - (width - 1) / 2)[None, :]
    source_x = math.cos(angle) * x - math.sin(angle) * y + (width - 1) / 2
    source_y = math.sin(angle) * x + math.cos(angle) * y + (height - 1) / 2
    return _sample_nearest(picture, source_y, source_x)


def _resize(picture: Picture, strength: float, _rng: np.random.Generator) -> Picture:
    """The picture becomes smaller or larger, antialiased bilinear."""
    height, width = (max(1, int(strength * side)) for side in picture.shape[:2])
    return resize(picture, height, width)


def _crop(picture: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """A window somewhere in the picture is left of it."""
    sides = picture.shape[:2]
    height, width = (max(1, int(strength * side)) for side in sides)
    top = int(rng.integers(0, sides[0] - height + 1))
    left = int(rng.integers(0, sides[1] - width + 1))
    return np.ascontiguousarray(picture[top : top + height, left : left + width])


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
    return _sample_bilinear(picture, source_y, source_x)


def _perspective(picture: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """The picture is seen from the side: its corners move inwards by chance."""
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


def _sample_nearest(picture: Picture, y: Places, x: Places) -> Picture:
    """Return the nearest pixels to rows ``y`` and columns ``x``, [H', W'] each; halves to even."""
    return _gather(picture, np.rint(y).astype(np.intp), np.rint(x).astype(np.intp))


def _sample_bilinear(picture: Picture, y: Places, x: Places) -> Picture:
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


FAMILIES = (
    AttackFamily("identity", _identity),
    AttackFamily("flip", _flip),
    AttackFamily("rotate", _rotate, strength="degrees", low=-360, high=360),
    AttackFamily("resize", _resize, strength="share of each side", low=0.01, high=4),
    AttackFamily("crop", _crop, strength="share of each side", low=0.01, high=1),
    AttackFamily("perspective", _perspective, strength="distortion", low=0, high=0.95),
)
