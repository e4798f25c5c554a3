"""Left becomes right."""

from __future__ import annotations

import numpy as np

from edgeseal.watermark.evaluate.attacks._family import AttackFamily, Picture

__all__ = ["FAMILY"]


def _change(picture: Picture, _strength: float, _rng: np.random.Generator) -> Picture:
    return np.ascontiguousarray(picture[:, ::-1])


FAMILY = AttackFamily("flip", _change)
