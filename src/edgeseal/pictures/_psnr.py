"""Peak signal-to-noise ratio."""

from __future__ import annotations

import math

__all__ = ["psnr_db"]


def psnr_db(squared_error: float) -> float:
    """Return the ratio for a mean squared difference of values in 0..1; infinite for 0."""
    return math.inf if squared_error == 0 else -10 * math.log10(squared_error)
