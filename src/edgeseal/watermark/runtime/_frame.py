"""Frames of a video: many pictures of one size, several of which share a watermark."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseal.pictures._decoded import Picture
from edgeseal.pictures._resize import resize
from edgeseal.watermark.runtime._attenuation_map import Attenuation
from edgeseal.watermark.runtime._blend import blend
from edgeseal.watermark.runtime._model_info import ModelInfo

__all__ = ["Stamp", "shrink"]


class Stamp:
    """A watermark that is added to many frames of one size; made by ``LiteRTEmbedder.stamp``."""

    def __init__(
        self,
        delta: NDArray[np.float32],
        info: ModelInfo,
        attenuation: Attenuation | None,
        size: tuple[int, int],
    ) -> None:
        """Prepare a watermark float32 [h, w, 1 or 3] for frames of ``size``, height and width."""
        self._delta, self._info, self._attenuation = delta, info, attenuation
        self._more: NDArray[np.uint8] | None = None
        if attenuation is None and info.scaling_i == 1:
            # Bytes alone: what is added at most, and what is taken away, without overflow.
            wide = resize(delta, *size)
            wide *= np.float32(255 * info.scaling_w)
            levels = np.rint(wide, out=wide).clip(-255, 255).astype(np.int16)
            levels = np.ascontiguousarray(np.broadcast_to(levels, (*size, 3)))
            self._more = levels.clip(0).astype(np.uint8)
            self._less = (-levels).clip(0).astype(np.uint8)
            self._room = 255 - self._more

    def mark(self, pixels: NDArray[Any]) -> NDArray[Any]:
        """Return a marked copy of uint8 or uint16 [H, W, 3], RGB.

        Equal to what the embedder makes of it as a picture, but that halves may be rounded either
        way.
        """
        if self._more is None or pixels.dtype != np.uint8:
            picture = Picture("the frame", pixels)
            marked, _ = blend(
                picture, self._delta, self._info, self._attenuation, dtype=pixels.dtype
            )
            return marked
        bright: NDArray[np.uint8] = np.minimum(pixels, self._room)
        bright += self._more
        np.maximum(bright, self._less, out=bright)
        bright -= self._less
        return bright


def shrink(pixels: NDArray[Any], size: int) -> NDArray[np.float32]:
    """Return a frame at a model's size, as a picture would be.

    Args:
        pixels: uint8 or uint16 [H, W, 3], RGB.
        size: rows and columns wanted.

    Returns:
        float32 [size, size, 3], RGB, 0..1.
    """
    return Picture("the frame", pixels).resized(size)
