"""VP9 of constant quality, YUV 4:2:0."""

from __future__ import annotations

import numpy as np

from edgeseal.watermark.evaluate.attacks._codec import transcode
from edgeseal.watermark.evaluate.attacks._family import AttackFamily, Picture

__all__ = ["FAMILY"]

_OPTIONS = {"b": "0", "deadline": "good", "cpu-used": "4"}


def _change(clip: Picture, strength: float, _rng: np.random.Generator) -> Picture:
    return transcode(clip, "libvpx-vp9", _OPTIONS | {"crf": str(int(strength))})


FAMILY = AttackFamily(
    "vp9", _change, strength="constant rate factor", low=0, high=63, is_integer=True, is_clip=True
)
