"""Something lies on the picture: a rectangle of one colour, of the picture's proportions."""

from __future__ import annotations

import math

import numpy as np

from edgeseal.watermark.evaluate.attacks._family import AttackFamily, Picture

__all__ = ["FAMILY"]


def _change(picture: Picture, strength: float, rng: np.random.Generator) -> Picture:
    sides = picture.shape[:2]
    height, width = (round(math.sqrt(strength) * side) for side in sides)
    top = int(rng.integers(0, sides[0] - height + 1))
    left = int(rng.integers(0, sides[1] - width + 1))
    covered: Picture = picture.copy()
    covered[top : top + height, left : left + width] = rng.random(3, np.float32)
    return covered


FAMILY = AttackFamily("overlay", _change, strength="share of the area", low=0, high=1)
