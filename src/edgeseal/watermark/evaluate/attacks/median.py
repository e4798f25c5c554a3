"""Median of a square window: of the medians of its rows, as upstream computes it."""

from __future__ import annotations

import numpy as np

from edgeseal.watermark.evaluate.attacks._family import AttackFamily, Picture

__all__ = ["FAMILY"]


def _change(picture: Picture, strength: float, _rng: np.random.Generator) -> Picture:
    from scipy import ndimage

    side = int(strength)
    rows = ndimage.median_filter(picture, size=(1, side, 1), mode="constant")
    return np.asarray(ndimage.median_filter(rows, size=(side, 1, 1), mode="constant"), np.float32)


FAMILY = AttackFamily("median", _change, strength="window in pixels", low=1, high=99, is_odd=True)
