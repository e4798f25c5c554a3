"""What is measured of one picture."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from edgeseal.errors import MissingExtraError
from edgeseal.pictures import psnr_db

__all__ = ["capacity_bits", "picture_psnr_db", "ssim"]

_SSIM_SIGMA = 1.5
_SSIM_WINDOW = 11


def capacity_bits(bit_accuracy: float, bits: int) -> float:
    """Return the capacity of ``bits`` binary symmetric channels: n (1 - H(accuracy)).

    This is upstream's measure; it is as large for an accuracy of 0 as for one of 1.
    """
    shares = (bit_accuracy, 1 - bit_accuracy)
    entropy = -sum(share * math.log2(share) for share in shares if share > 0)
    return bits * (1 - entropy)


def picture_psnr_db(original: NDArray[np.uint8], marked: NDArray[np.uint8]) -> float:
    """Return the peak signal-to-noise ratio of two pictures of 8 bits; infinite if equal."""
    difference = (marked.astype(np.float64) - original) / 255
    return psnr_db(float(np.square(difference).mean()))


def ssim(original: NDArray[np.uint8], marked: NDArray[np.uint8]) -> float | None:
    """Return the structural similarity with Wang's Gaussian window, mean over the channels.

    Args:
        original: uint8 [H, W, 3].
        marked: the same.

    Returns:
        The measure of Wang et al. (2004): window of 11 x 11, deviation 1.5; None for pictures that
        are smaller than the window.

    Raises:
        MissingExtraError: scikit-image is not installed.
    """
    if min(original.shape[:2]) < _SSIM_WINDOW:
        return None
    try:
        from skimage.metrics import structural_similarity
    except ModuleNotFoundError as error:
        raise MissingExtraError("structural similarity", "evaluate") from error
    return float(
        structural_similarity(
            original,
            marked,
            channel_axis=2,
            data_range=255,
            gaussian_weights=True,
            sigma=_SSIM_SIGMA,
            use_sample_covariance=False,
        )
    )
