"""Whether a mark can be expected to be read, without reading it.

The limits are where the reference pair's readings end:
``benchmarks/small_pictures.py``, docs/kept.md.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["doubt_of"]

_SHORT, _LONG = 0.5, 0.75  # shares of the model's size
_MOST_CLIPPED = 0.4
_MOST_DB = 54.0  # the error of one level in every fourth value
_SAMPLES = 1024  # rows and columns that are looked at


def doubt_of(pixels: NDArray[Any], psnr_db: float, size: int) -> str | None:
    """Return why a mark may not be read, or None.

    Args:
        pixels: the marked picture, uint8 or uint16 [H, W, C].
        psnr_db: of it against its source.
        size: rows and columns of what the models see.
    """
    height, width, channels = pixels.shape
    if min(height, width) < _SHORT * size or max(height, width) < _LONG * size:
        least = f"{round(_LONG * size)} x {round(_SHORT * size)}"
        kind = "narrow" if max(height, width) >= _LONG * size else "small"
        return f"{width} x {height} is too {kind} for the mark to be read; it needs {least} or more"
    colours = pixels[
        :: max(1, height // _SAMPLES),
        :: max(1, width // _SAMPLES),
        : channels - (1 - channels % 2),
    ]
    clipped = np.mean((colours == 0) | (colours == np.iinfo(pixels.dtype).max))
    if clipped > _MOST_CLIPPED:
        return f"{clipped:.0%} of it is black or white, where half of the mark is lost"
    if psnr_db > _MOST_DB:
        return f"it hardly changed ({psnr_db:.0f} dB), so the mark may not be read"
    return None
