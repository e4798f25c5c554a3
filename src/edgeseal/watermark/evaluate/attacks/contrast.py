"""Values move away from the picture's mean grey value, or towards it."""

from __future__ import annotations

import numpy as np

from edgeseal.watermark.evaluate.attacks._family import AttackFamily, Picture
from edgeseal.watermark.evaluate.attacks._luma import blend, luma

__all__ = ["FAMILY"]


def _change(picture: Picture, strength: float, _rng: np.random.Generator) -> Picture:
    mean = luma(picture).mean(dtype=np.float64)
    return blend(picture, np.float32(mean), strength)


FAMILY = AttackFamily("contrast", _change, strength="factor", low=0, high=10)
