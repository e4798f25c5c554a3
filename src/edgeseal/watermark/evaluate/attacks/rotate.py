"""Rotation against the clock: quarter turns keep everything, the rest is cropped to the frame."""

from __future__ import annotations

import math

import numpy as np

from edgeseal.watermark.evaluate.attacks._family import AttackFamily, Picture
from edgeseal.watermark.evaluate.attacks._sample import sample_nearest

__all__ = ["FAMILY"]


def _change(picture: Picture, strength: float, _rng: np.random.Generator) -> Picture:
    quarters, angle = divmod(strength, 90)
    turned = np.ascontiguousarray(np.rot90(picture, int(quarters)))
    return turned if angle == 0 else _turn(turned, math.radians(angle))


def _turn(picture: Picture, angle: float) -> Picture:
    """Rotate about the centre; the corners become black, pixels are not mixed."""
    height, width = picture.shape[:2]
    y = (np.arange(height) - (height - 1) / 2)[:, None]
    x = (np.arange(width) - (width - 1) / 2)[None, :]
    source_x = math.cos(angle) * x - math.sin(angle) * y + (width - 1) / 2
    source_y = math.sin(angle) * x + math.cos(angle) * y + (height - 1) / 2
    return sample_nearest(picture, source_y, source_x)


FAMILY = AttackFamily("rotate", _change, strength="degrees", low=-360, high=360)
