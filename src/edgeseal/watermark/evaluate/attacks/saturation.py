"""Colours move away from grey, or towards it."""

from __future__ import annotations

import numpy as np

from edgeseal.watermark.evaluate.attacks._family import AttackFamily, Picture
from edgeseal.watermark.evaluate.attacks._luma import blend, luma

__all__ = ["FAMILY"]


def _change(picture: Picture, strength: float, _rng: np.random.Generator) -> Picture:
    return blend(picture, luma(picture), strength)


FAMILY = AttackFamily("saturation", _change, strength="factor", low=0, high=10)
