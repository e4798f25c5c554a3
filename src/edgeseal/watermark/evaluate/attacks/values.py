"""Attacks on the values of pixels: compression, filters, noise, something on top."""

from __future__ import annotations

import io
import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edgeseal.watermark.evaluate.attacks._family import AttackFamily, Picture

__all__ = ["FAMILIES"]


def _jpeg(picture: Picture, strength: float, _rng: np.random.Generator) -> Picture:
    """JPEG with Pillow's tables and 4:2:0 chroma, as nearly every sender of JPEG does."""
    levels = np.rint(picture * np.float32(255)).astype(np.uint8)
    stored = io.BytesIO()
    Image.fromarray(levels).save(stored, "JPEG", quality=int(strength), subsampling="4:2:0")
    with Image.open(stored) as image:
        decoded: Picture = np.asarray(image.convert("RGB"), np.float32) / np.float32(255)
    return decoded


def _blur(picture: Picture, strength: float, _rng: np.random.Generator) -> Picture:
    """Gaussian blur of a square window; its width sets the deviation, as in torchvision."""
    from scipy import ndimage

    kernel = _kernel(int(strength))
    rows = ndimage.correlate1d(picture, kernel, axis=0, mode="mirror")
    return np.asarray(ndimage.correlate1d(rows, kernel, axis=1, mode="mirror"), np.float32)


def _kernel(width: int) -> NDArray[np.float64]:
    sigma = 0.3 * ((width - 1) * 0.5 - 1) + 0.8
    places = np.arange(width) - (width - 1) / 2
    weights = np.exp(-0.5 * np.square(places / sigma))
    return np.asarray(weights / weights.sum(), np.float64)


def _median(picture: Picture, strength: float, _rng: np.random.Generator) -> Picture:
    """Median of a square window: of the medians of its rows, as upstream computes it."""
    from scipy import ndimage

    side = int(strength)
    rows = ndimage.median_filter(picture, size=(1, side, 1), mode="constant")
    return np.asarray(ndimage.median_filter(rows, size=(side, 1, 1), mode="constant"), np.float32)


def _noise(picture: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """Gaussian noise in every value."""
    noise = rng.standard_normal(picture.shape, np.float32)
    noisy: Picture = np.clip(picture + np.float32(strength) * noise, 0, 1)
    return noisy


def _overlay(picture: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """Something lies on the picture: a rectangle of one colour, of the picture's proportions."""
    sides = picture.shape[:2]
    height, width = (round(math.sqrt(strength) * side) for side in sides)
    top = int(rng.integers(0, sides[0] - height + 1))
    left = int(rng.integers(0, sides[1] - width + 1))
    covered: Picture = picture.copy()
    covered[top : top + height, left : left + width] = rng.random(3, np.float32)
    return covered


FAMILIES = (
    AttackFamily("jpeg", _jpeg, strength="quality", low=1, high=100, is_integer=True),
    AttackFamily("blur", _blur, strength="window in pixels", low=1, high=99, is_odd=True),
    AttackFamily("median", _median, strength="window in pixels", low=1, high=99, is_odd=True),
    AttackFamily("noise", _noise, strength="deviation, of 1", low=0, high=1),
    AttackFamily("overlay", _overlay, strength="share of the area", low=0, high=1),
)
