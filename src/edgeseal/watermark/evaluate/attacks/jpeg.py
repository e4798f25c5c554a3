"""JPEG with Pillow's tables and 4:2:0 chroma, as nearly every sender of JPEG does."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from edgeseal.watermark.evaluate.attacks._family import AttackFamily, Picture

__all__ = ["FAMILY"]


def _change(picture: Picture, strength: float, _rng: np.random.Generator) -> Picture:
    levels = np.rint(picture * np.float32(255)).astype(np.uint8)
    stored = io.BytesIO()
    Image.fromarray(levels).save(stored, "JPEG", quality=int(strength), subsampling="4:2:0")
    with Image.open(stored) as image:
        decoded: Picture = np.asarray(image.convert("RGB"), np.float32) / np.float32(255)
    return decoded


FAMILY = AttackFamily("jpeg", _change, strength="quality", low=1, high=100, is_integer=True)
