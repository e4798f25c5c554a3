"""The picture becomes smaller or larger, antialiased bilinear."""

from __future__ import annotations

import numpy as np

from edgeseal.evaluate.attacks._family import Family, Picture
from edgeseal.runtime import resize

__all__ = ["FAMILY"]


def _change(picture: Picture, strength: float, _rng: np.random.Generator) -> Picture:
    height, width = (max(1, int(strength * side)) for side in picture.shape[:2])
    return resize(picture, height, width)


FAMILY = Family("resize", _change, strength="share of each side", low=0.01, high=4)
