"""A picture of what the watermark looks like."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["contact_sheet"]

_CELL = 256
_GAP = 8
_AMPLIFICATION = 20


def contact_sheet(pairs: Sequence[tuple[NDArray[np.uint8], NDArray[np.uint8]]]) -> Image.Image:
    """Return rows of original, marked picture and their difference, 20 times amplified.

    Args:
        pairs: original and marked picture, uint8 [H, W, 3] each.
    """
    step = _CELL + _GAP
    sheet = Image.new("RGB", (3 * step + _GAP, len(pairs) * step + _GAP), "white")
    for row, (original, marked) in enumerate(pairs):
        difference = marked.astype(np.int16) - original
        shown = (128 + _AMPLIFICATION * difference).clip(0, 255).astype(np.uint8)
        for column, pixels in enumerate((original, marked, shown)):
            cell = Image.fromarray(pixels)
            cell.thumbnail((_CELL, _CELL), Image.Resampling.LANCZOS)
            sheet.paste(cell, (_GAP + column * step, _GAP + row * step))
    return sheet
