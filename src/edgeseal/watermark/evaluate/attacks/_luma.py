"""Grey values as torchvision computes them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgeseal.watermark.evaluate.attacks._family import Picture

__all__ = ["blend", "luma"]

_WEIGHTS = (0.2989, 0.587, 0.114)  # torchvision's, which sum up to 0.9999


def luma(picture: Picture) -> NDArray[np.float32]:
    """Return the grey value of every pixel: float32 [H, W, 1]."""
    red, green, blue = (np.float32(weight) for weight in _WEIGHTS)
    grey = red * picture[..., 0] + green * picture[..., 1] + blue * picture[..., 2]
    return np.asarray(grey, np.float32)[..., None]


def blend(picture: Picture, other: NDArray[np.float32] | np.float32, factor: float) -> Picture:
    """Return ``factor * picture + (1 - factor) * other``, clamped to 0..1."""
    mixed = np.float32(factor) * picture + np.float32(1 - factor) * other
    blended: Picture = np.clip(mixed, 0, 1)
    return blended
