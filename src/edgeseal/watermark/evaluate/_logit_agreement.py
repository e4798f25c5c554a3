"""How far a quantized detector's logits are from the float detector's."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["image_nmse", "sign_agreement"]

Float = NDArray[np.float32]


def image_nmse(logits: Float, expected: Float) -> float:
    """Return the mean squared error as a share of the variance across pictures.

    Args:
        logits: float32 [pictures, bits].
        expected: the float detector's, of the same shape; at least two pictures.

    A constant offset between pictures carries no message, so the variance of each logit over the
    pictures is the scale to compare with.
    """
    return float(np.square(logits - expected).mean() / expected.var(axis=0).mean())


def sign_agreement(logits: Float, expected: Float) -> float:
    """Return the share of bits that both read alike, 0..1."""
    return float(np.mean((logits > 0) == (expected > 0)))
