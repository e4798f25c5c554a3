"""The picture becomes smaller or larger, antialiased bilinear."""

from __future__ import annotations

import numpy as np

from edgeseal.pictures import resize
from edgeseal.watermark.evaluate.attacks._family import AttackFamily, Picture

__all__ = ["FAMILY"]


def _change(picture: Picture, strength: float, _rng: np.random.Generator) -> Picture:
    height, width = (max(1, int(strength * side)) for side in picture.shape[:2])
    return resize(picture, height, width)


FAMILY = AttackFamily("resize", _change, strength="share of each side", low=0.01, high=4)
