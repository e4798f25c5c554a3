"""Reading pictures at a model's size, which is all that detection needs of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edgeseal.errors import ImageError
from edgeseal.pictures._decoded import copy_pixels
from edgeseal.pictures._png16 import is_deep
from edgeseal.pictures._read_image import (
    ImageInput,
    check_frames,
    check_header,
    decode_opened,
    is_encoded,
    opened,
    orientation,
    read_picture,
    turned,
    unreadable,
)
from edgeseal.pictures._shrink import shrink_pixels

__all__ = ["read_small"]

_PLAIN_MODES = ("L", "RGB")
_SPARE = 2.75  # a JPEG has no less than this many times the model's size: 2816 rows at 1/4


def read_small(image: ImageInput, size: int, *, exact: bool = False) -> NDArray[np.float32]:
    """Read a picture at a model's size.

    A large JPEG file is decoded at the smallest of 1/1, 1/2, 1/4 and 1/8 of its size that leaves
    2.75 times the model's, at a fraction of the time. ``benchmarks/pipeline.py`` prints how far
    the result is from the exact one.

    Args:
        image: see :data:`edgeseal.pictures.ImageInput`.
        size: rows and columns of the result.
        exact: whether to decode at full size all the same.

    Returns:
        float32 [size, size, 3], RGB, 0..1.

    Raises:
        FileError, ImageError: the picture cannot be read, or has several frames.
    """
    if is_encoded(image):
        with opened(image) as (picture, file, name):
            small = _read_plain(picture, name, size, exact=exact)
            if small is not None:
                return small
            return decode_opened(picture, file, name, one_frame=True).resized(size)
    return read_picture(image, one_frame=True).resized(size)


def _read_plain(
    image: Image.Image, name: str, size: int, *, exact: bool
) -> NDArray[np.float32] | None:
    """Read an opaque file of 8 bits; None for any other."""
    if image.mode not in _PLAIN_MODES or is_deep(image) or image.has_transparency_data:
        return None
    check_header(image, name)
    least = int(_SPARE * size)
    reduced = None if exact else image.draft(image.mode, (least, least))
    box: Any = None if reduced is None else reduced[1]  # where the picture ends, within a pixel
    try:
        check_frames(image, name)
        image.load()
        turn = orientation(image)
        small = shrink_pixels(np.atleast_3d(copy_pixels(image)), size, box=box)
    except ImageError:
        raise
    except Exception as error:  # Pillow's decoders raise whatever damaged data leads them to
        raise unreadable(name, error) from error
    small /= np.float32(255)
    return turned(small if small.shape[2] == 3 else np.repeat(small, 3, axis=2), turn)
