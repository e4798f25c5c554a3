"""A window somewhere in the picture is left of it."""

from __future__ import annotations

import numpy as np

from edgeseal.watermark.evaluate.attacks._family import AttackFamily, Picture

__all__ = ["FAMILY"]


def _change(picture: Picture, strength: float, rng: np.random.Generator) -> Picture:
    sides = picture.shape[:2]
    height, width = (max(1, int(strength * side)) for side in sides)
    top = int(rng.integers(0, sides[0] - height + 1))
    left = int(rng.integers(0, sides[1] - width + 1))
    return np.ascontiguousarray(picture[top : top + height, left : left + width])


FAMILY = AttackFamily("crop", _change, strength="share of each side", low=0.01, high=1)
