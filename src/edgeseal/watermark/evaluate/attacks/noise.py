"""Gaussian noise in every value."""

from __future__ import annotations

import numpy as np

from edgeseal.watermark.evaluate.attacks._family import AttackFamily, Picture

__all__ = ["FAMILY"]


def _change(picture: Picture, strength: float, rng: np.random.Generator) -> Picture:
    noise = rng.standard_normal(picture.shape, np.float32)
    noisy: Picture = np.clip(picture + np.float32(strength) * noise, 0, 1)
    return noisy


FAMILY = AttackFamily("noise", _change, strength="deviation, of 1", low=0, high=1)
