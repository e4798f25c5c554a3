"""The thumbnail of a marked picture, as EXIF has them."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edgeseal.pictures._save import to_eight_bits

__all__ = ["thumbnail_of"]

_SIDE = 160
_QUALITY = 80


def thumbnail_of(pixels: NDArray[Any]) -> bytes:
    """Return a small JPEG file of uint8 or uint16 [H, W, C], at most 160 x 160."""
    colours = pixels.shape[2] - (1 - pixels.shape[2] % 2)
    step = max(1, min(pixels.shape[:2]) // (4 * _SIDE))  # of large pictures every so many pixels
    few = to_eight_bits(np.ascontiguousarray(pixels[::step, ::step, :colours]))
    image = Image.fromarray(few[..., 0] if colours == 1 else few)
    image.thumbnail((_SIDE, _SIDE))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=_QUALITY)
    return file.getvalue()
