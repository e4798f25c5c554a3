"""H.264 in RGB, without loss of chroma."""

from __future__ import annotations

import numpy as np

from edgeseal.watermark.evaluate.attacks._codec import X264, transcode
from edgeseal.watermark.evaluate.attacks._family import AttackFamily, Picture

__all__ = ["FAMILY"]


def _change(clip: Picture, strength: float, _rng: np.random.Generator) -> Picture:
    return transcode(clip, "libx264rgb", X264 | {"crf": str(int(strength))}, pix_fmt="rgb24")


FAMILY = AttackFamily(
    "h264rgb",
    _change,
    strength="constant rate factor",
    low=0,
    high=51,
    is_integer=True,
    is_clip=True,
)
