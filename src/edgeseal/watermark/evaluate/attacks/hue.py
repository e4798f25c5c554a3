"""Colours turn on the wheel of hues."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgeseal.watermark.evaluate.attacks._family import AttackFamily, Picture

__all__ = ["FAMILY"]

Plane = NDArray[np.float32]


def _change(picture: Picture, strength: float, _rng: np.random.Generator) -> Picture:
    hue, saturation, value = _to_hsv(picture)
    return _to_rgb(np.mod(hue + np.float32(strength), np.float32(1)), saturation, value)


def _to_hsv(picture: Picture) -> tuple[Plane, Plane, Plane]:
    red, green, blue = picture[..., 0], picture[..., 1], picture[..., 2]
    value = picture.max(axis=2)
    spread = value - picture.min(axis=2)
    saturation = spread / np.where(value > 0, value, 1)
    divisor = np.where(spread > 0, spread, 1)
    to_red, to_green, to_blue = ((value - plane) / divisor for plane in (red, green, blue))
    sector = np.where(
        value == red,
        to_blue - to_green,
        np.where(value == green, 2 + to_red - to_blue, 4 + to_green - to_red),
    )
    sector = np.where(spread > 0, sector, 0)
    return np.mod(sector / 6 + 1, 1).astype(np.float32), saturation, value


def _to_rgb(hue: Plane, saturation: Plane, value: Plane) -> Picture:
    sector = np.floor(hue * 6)
    rest = hue * 6 - sector
    low = np.clip(value * (1 - saturation), 0, 1)
    falling = np.clip(value * (1 - saturation * rest), 0, 1)
    rising = np.clip(value * (1 - saturation * (1 - rest)), 0, 1)
    which = np.mod(sector, 6).astype(np.intp)
    planes = (
        (value, falling, low, low, rising, value),
        (rising, value, value, falling, low, low),
        (low, low, rising, value, value, falling),
    )
    return np.stack([np.choose(which, choices) for choices in planes], axis=2).astype(np.float32)


FAMILY = AttackFamily("hue", _change, strength="turns", low=-0.5, high=0.5)
