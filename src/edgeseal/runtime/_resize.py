"""The one resize of the package: antialiased bilinear, equal to PyTorch's to rounding.

Pillow's bilinear filter on 32-bit float planes is the same operation as
``torch.nn.functional.interpolate(mode="bilinear", align_corners=False, antialias=True)``: a
triangle filter, widened by the scale when shrinking. The tests hold it to PyTorch.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edgeseal.errors import UsageError

__all__ = ["resize", "resize_plane"]


def resize(image: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    """Resize a picture, not keeping the aspect ratio.

    Args:
        image: float32 [H, W, C], any range.
        height: rows of the result, 1 or more.
        width: columns of the result, 1 or more.

    Returns:
        float32 [height, width, C].

    Raises:
        UsageError: the array or the size cannot be used.
    """
    if image.ndim != 3 or image.dtype != np.float32 or image.size == 0:
        raise UsageError(
            f"image: expected float32 [H, W, C], got {image.dtype} {list(image.shape)}"
        )
    if height < 1 or width < 1:
        raise UsageError(f"height and width: expected 1 or more, got {height} and {width}")
    resized = np.empty((height, width, image.shape[2]), np.float32)
    for channel in range(image.shape[2]):
        resized[..., channel] = resize_plane(image[..., channel], height, width)
    return resized


def resize_plane(plane: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    """Resize one channel: float32 [H, W] to float32 [height, width]."""
    if plane.shape == (height, width):
        return plane
    picture = Image.fromarray(np.ascontiguousarray(plane))
    return np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR), np.float32)
