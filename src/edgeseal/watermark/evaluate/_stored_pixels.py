"""Pictures and frames as an evaluation keeps them: 8 bits, no larger than wanted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgeseal.pictures import resize

__all__ = ["to_stored"]


def to_stored(picture: NDArray[np.float32], max_side: int) -> NDArray[np.uint8]:
    """Shrink a picture that is larger than wanted, and round it.

    Args:
        picture: float32 [H, W, 3], 0..1.
        max_side: longest side of the result, in pixels; 0 for any.

    Returns:
        uint8 [H, W, 3].
    """
    height, width = picture.shape[:2]
    factor = max_side / max(height, width)
    if 0 < factor < 1:
        picture = resize(picture, max(1, round(factor * height)), max(1, round(factor * width)))
    stored: NDArray[np.uint8] = np.rint(picture * np.float32(255)).clip(0, 255).astype(np.uint8)
    return stored
