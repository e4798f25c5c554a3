"""Attacks that change colours, pixel by pixel; grey values as torchvision computes them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgeseal.watermark.evaluate.attacks._family import AttackFamily, Picture

__all__ = ["FAMILIES"]

_BT601 = (0.299, 0.587, 0.114)
_TORCHVISION = (0.2989, 0.587, 0.114)  # which sum up to 0.9999

Plane = NDArray[np.float32]


def _brightness(picture: Picture, strength: float, _rng: np.random.Generator) -> Picture:
    """Every value is multiplied."""
    return _blend(picture, np.float32(0), strength)


def _contrast(picture: Picture, strength: float, _rng: np.random.Generator) -> Picture:
    """Values move away from the picture's mean grey value, or towards it."""
    mean = _luma(picture).mean(dtype=np.float64)
    return _blend(picture, np.float32(mean), strength)


def _saturation(picture: Picture, strength: float, _rng: np.random.Generator) -> Picture:
    """Colours move away from grey, or towards it."""
    return _blend(picture, _luma(picture), strength)


def _hue(picture: Picture, strength: float, _rng: np.random.Generator) -> Picture:
    """Colours turn on the wheel of hues."""
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


def _grayscale(picture: Picture, _strength: float, _rng: np.random.Generator) -> Picture:
    """All colour is lost; ITU-R BT.601's luma is left."""
    return np.repeat(_weighted(picture, _BT601), 3, axis=2)


def _luma(picture: Picture) -> NDArray[np.float32]:
    """Return the grey value of every pixel: float32 [H, W, 1]."""
    return _weighted(picture, _TORCHVISION)


def _weighted(picture: Picture, weights: tuple[float, float, float]) -> NDArray[np.float32]:
    red, green, blue = (np.float32(weight) for weight in weights)
    grey = red * picture[..., 0] + green * picture[..., 1] + blue * picture[..., 2]
    return np.asarray(grey, np.float32)[..., None]


def _blend(picture: Picture, other: NDArray[np.float32] | np.float32, factor: float) -> Picture:
    """Return ``factor * picture + (1 - factor) * other``, clamped to 0..1."""
    mixed = np.float32(factor) * picture + np.float32(1 - factor) * other
    blended: Picture = np.clip(mixed, 0, 1)
    return blended


FAMILIES = (
    AttackFamily("brightness", _brightness, strength="factor", low=0, high=10),
    AttackFamily("contrast", _contrast, strength="factor", low=0, high=10),
    AttackFamily("saturation", _saturation, strength="factor", low=0, high=10),
    AttackFamily("hue", _hue, strength="turns", low=-0.5, high=0.5),
    AttackFamily("grayscale", _grayscale),
)
