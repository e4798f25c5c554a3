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

__all__ = ["RowStretcher", "resize", "resize_plane"]


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


class RowStretcher:
    """Resizes a small plane to a large one, any rows of it at a time.

    The rows are those of :func:`resize_plane`, but for rounding.
    """

    def __init__(self, plane: NDArray[np.float32], height: int, width: int) -> None:
        """Take ``plane`` float32 [H, W] and the size of the result."""
        self._is_shrunk = height <= plane.shape[0]
        self._height = height
        self._wide = resize_plane(plane, min(height, plane.shape[0]), width)

    def rows(self, start: int, stop: int) -> NDArray[np.float32]:
        """Return float32 [stop - start, width]."""
        if self._is_shrunk:
            return self._wide[start:stop]
        known = len(self._wide)
        places = (np.arange(start, stop) + 0.5) * (known / self._height) - 0.5
        above = np.floor(places).astype(np.intp)
        share = (places - above).astype(np.float32)[:, None]
        last = known - 1
        rows: NDArray[np.float32] = self._wide[above.clip(0, last)] * (1 - share)
        rows += self._wide[(above + 1).clip(0, last)] * share
        return rows
