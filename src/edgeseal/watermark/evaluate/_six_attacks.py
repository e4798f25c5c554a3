"""Six attacks on stored pictures, by which the demo and the recorded tables compare detectors."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edgeseal.pictures import resize

__all__ = ["ATTACKS", "StoredAttack"]

Picture: TypeAlias = NDArray[np.uint8]
StoredAttack: TypeAlias = Callable[[Picture, np.random.Generator], Picture]
"""uint8 [H, W, 3] and a source of randomness -> uint8 [H', W', 3]."""


def _none(picture: Picture, _: np.random.Generator) -> Picture:
    return picture


def _jpeg(picture: Picture, _: np.random.Generator, *, quality: int) -> Picture:
    """Compress with 4:2:0 chroma, as nearly every sender of JPEG does."""
    stored = io.BytesIO()
    Image.fromarray(picture).save(stored, "JPEG", quality=quality, subsampling="4:2:0")
    return np.asarray(Image.open(stored))


def _resize(picture: Picture, _: np.random.Generator, *, factor: float) -> Picture:
    height, width = (max(1, round(side * factor)) for side in picture.shape[:2])
    return _stored(resize(_real(picture), height, width))


def _brightness_contrast(
    picture: Picture, _: np.random.Generator, *, brightness: float, contrast: float
) -> Picture:
    return _stored(((_real(picture) - 0.5) * contrast + 0.5) * brightness)


def _noise(picture: Picture, rng: np.random.Generator, *, sigma: float) -> Picture:
    """Add Gaussian noise; ``sigma`` is in grey levels of 255."""
    noise = rng.normal(0, sigma / 255, picture.shape)
    return _stored(_real(picture) + noise.astype(np.float32))


def _real(picture: Picture) -> NDArray[np.float32]:
    real: NDArray[np.float32] = picture.astype(np.float32) / np.float32(255)
    return real


def _stored(values: NDArray[np.float32]) -> Picture:
    stored: Picture = np.rint(values.clip(0, 1) * 255).astype(np.uint8)
    return stored


ATTACKS: dict[str, StoredAttack] = {
    "clean": _none,
    "JPEG 75": partial(_jpeg, quality=75),
    "JPEG 50": partial(_jpeg, quality=50),
    "resize 70 %": partial(_resize, factor=0.7),
    "brightness, contrast": partial(_brightness_contrast, brightness=1.1, contrast=1.2),
    "noise 6/255": partial(_noise, sigma=6),
}
