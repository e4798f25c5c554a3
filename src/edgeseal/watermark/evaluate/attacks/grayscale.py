"""All colour is lost; ITU-R BT.601's luma is left."""

from __future__ import annotations

import numpy as np

from edgeseal.watermark.evaluate.attacks._family import AttackFamily, Picture

__all__ = ["FAMILY"]

_WEIGHTS = (0.299, 0.587, 0.114)


def _change(picture: Picture, _strength: float, _rng: np.random.Generator) -> Picture:
    red, green, blue = (np.float32(weight) for weight in _WEIGHTS)
    grey = red * picture[..., 0] + green * picture[..., 1] + blue * picture[..., 2]
    return np.repeat(grey[..., None], 3, axis=2)


FAMILY = AttackFamily("grayscale", _change)
