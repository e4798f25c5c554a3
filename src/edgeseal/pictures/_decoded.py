"""A decoded picture, handed out in strips so that large ones need little more than themselves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edgeseal.pictures._coding import Coding
from edgeseal.pictures._shrink import shrink_pixels
from edgeseal.pictures.metadata import Metadata

__all__ = ["Picture", "copy_pixels", "strips"]

_STRIP_PIXELS = 2**18  # 1 MiB for each plane of floats: fits a processor's cache


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A decoded picture in the depth that it came in.

    Attributes:
        name: what messages call it.
        pixels: uint8, uint16 or float32 [H, W, 3], RGB; 0..255, 0..65535 or 0..1.
        alpha: the same dtype and range, [H, W], or None for an opaque picture.
        metadata: what else its file has, as it is there.
        coding: how its file is compressed.
        orientation: the rotation that its file noted, applied to the pixels already.
        is_grey: whether the source has one channel, here three times.
        is_owned: whether nobody else has the pixels, so that they may be overwritten.
    """

    name: str
    pixels: NDArray[Any]
    alpha: NDArray[Any] | None = None
    metadata: Metadata = field(default_factory=Metadata)
    coding: Coding = field(default_factory=Coding)
    orientation: int = 1
    is_grey: bool = False
    is_owned: bool = False

    @property
    def height(self) -> int:
        """Rows."""
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        """Columns."""
        return int(self.pixels.shape[1])

    def rgb(self, start: int = 0, stop: int | None = None) -> NDArray[np.float32]:
        """Return rows of the picture: float32 [stop - start, W, 3], RGB, 0..1."""
        return _unit(self.pixels[start:stop])

    def resized(self, size: int) -> NDArray[np.float32]:
        """Return the picture at a model's size: float32 [size, size, 3], RGB, 0..1."""
        pixels = self.pixels[..., :1] if self.is_grey else self.pixels
        small = shrink_pixels(pixels, size)
        if pixels.dtype != np.float32:
            small /= np.float32(np.iinfo(pixels.dtype).max)
        return np.repeat(small, 3, axis=2) if self.is_grey else small


def strips(height: int, width: int) -> Iterator[tuple[int, int]]:
    """Yield the first row of each strip of a picture, and the row behind its last."""
    rows = max(1, _STRIP_PIXELS // width)
    for start in range(0, height, rows):
        yield start, min(start + rows, height)


def copy_pixels(image: Image.Image) -> NDArray[Any]:
    """Return the pixels of a PIL image, writable: [H, W] or [H, W, C].

    In strips, since Pillow needs twice the memory of what it hands out.
    """
    width, height = image.size
    pixels: NDArray[Any] | None = None
    for start, stop in strips(height, width):
        strip = np.asarray(image.crop((0, start, width, stop)))
        if pixels is None:
            pixels = np.empty((height, *strip.shape[1:]), strip.dtype)
        pixels[start:stop] = strip
    if pixels is None:
        raise ValueError("a picture without rows")
    return pixels


def _unit(values: NDArray[Any]) -> NDArray[np.float32]:
    if values.dtype == np.float32:
        return values
    unit = values.astype(np.float32)
    unit /= np.float32(np.iinfo(values.dtype).max)
    return unit
