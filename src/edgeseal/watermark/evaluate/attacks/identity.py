"""Nothing happens."""

from __future__ import annotations

import numpy as np

from edgeseal.watermark.evaluate.attacks._family import AttackFamily, Picture

__all__ = ["FAMILY"]


def _change(picture: Picture, _strength: float, _rng: np.random.Generator) -> Picture:
    return picture


FAMILY = AttackFamily("identity", _change)
