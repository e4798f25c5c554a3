"""Peak signal-to-noise ratio."""

from __future__ import annotations

import math

import numpy as np

from edgeseal.pictures._decoded import strips
from edgeseal.pictures._read_image import ImageInput, read_picture

__all__ = ["psnr_between", "psnr_db"]


def psnr_db(squared_error: float) -> float:
    """Return the ratio for a mean squared difference of values in 0..1; infinite for 0."""
    return math.inf if squared_error == 0 else -10 * math.log10(squared_error)


def psnr_between(one: ImageInput, other: ImageInput) -> float:
    """Return the ratio of the colours of two pictures of the same size.

    Raises:
        FileError, ImageError: one cannot be read.
    """
    first, second = read_picture(one), read_picture(other)
    squared_error = 0.0
    for start, stop in strips(first.height, first.width):
        difference = first.rgb(start, stop) - second.rgb(start, stop)
        squared_error += float(np.einsum("hwc,hwc->", difference, difference, dtype=np.float64))
    return psnr_db(squared_error / (3 * first.height * first.width))
