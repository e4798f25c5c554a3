"""H.265, YUV 4:2:0."""

from __future__ import annotations

import numpy as np

from edgeseal.watermark.evaluate.attacks._codec import transcode
from edgeseal.watermark.evaluate.attacks._family import AttackFamily, Picture

__all__ = ["FAMILY"]

_OPTIONS = {"x265-params": "log-level=none:pools=none:frame-threads=1"}


def _change(clip: Picture, strength: float, _rng: np.random.Generator) -> Picture:
    return transcode(clip, "libx265", _OPTIONS | {"crf": str(int(strength))})


FAMILY = AttackFamily(
    "h265", _change, strength="constant rate factor", low=0, high=51, is_integer=True, is_clip=True
)
