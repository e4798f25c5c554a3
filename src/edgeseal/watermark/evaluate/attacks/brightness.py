"""Every value is multiplied."""

from __future__ import annotations

import numpy as np

from edgeseal.watermark.evaluate.attacks._family import AttackFamily, Picture
from edgeseal.watermark.evaluate.attacks._luma import blend

__all__ = ["FAMILY"]


def _change(picture: Picture, strength: float, _rng: np.random.Generator) -> Picture:
    return blend(picture, np.float32(0), strength)


FAMILY = AttackFamily("brightness", _change, strength="factor", low=0, high=10)
