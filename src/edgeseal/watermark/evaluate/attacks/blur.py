"""Gaussian blur of a square window; its width sets the deviation, as in OpenCV and torchvision."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgeseal.watermark.evaluate.attacks._family import AttackFamily, Picture

__all__ = ["FAMILY"]


def _change(picture: Picture, strength: float, _rng: np.random.Generator) -> Picture:
    from scipy import ndimage

    kernel = _kernel(int(strength))
    rows = ndimage.correlate1d(picture, kernel, axis=0, mode="mirror")
    return np.asarray(ndimage.correlate1d(rows, kernel, axis=1, mode="mirror"), np.float32)


def _kernel(width: int) -> NDArray[np.float64]:
    sigma = 0.3 * ((width - 1) * 0.5 - 1) + 0.8
    places = np.arange(width) - (width - 1) / 2
    weights = np.exp(-0.5 * np.square(places / sigma))
    return np.asarray(weights / weights.sum(), np.float64)


FAMILY = AttackFamily("blur", _change, strength="window in pixels", low=1, high=99, is_odd=True)
