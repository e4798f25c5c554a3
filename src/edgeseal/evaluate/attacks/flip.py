"""Left becomes right."""

from __future__ import annotations

import numpy as np

from edgeseal.evaluate.attacks._family import Family, Picture

__all__ = ["FAMILY"]


def _change(picture: Picture, _strength: float, _rng: np.random.Generator) -> Picture:
    return np.ascontiguousarray(picture[:, ::-1])


FAMILY = Family("flip", _change)
