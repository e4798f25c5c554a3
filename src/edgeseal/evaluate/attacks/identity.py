"""Nothing happens."""

from __future__ import annotations

import numpy as np

from edgeseal.evaluate.attacks._family import Family, Picture

__all__ = ["FAMILY"]


def _change(picture: Picture, _strength: float, _rng: np.random.Generator) -> Picture:
    return picture


FAMILY = Family("identity", _change)
