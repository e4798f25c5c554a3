"""What quantizing an embedder changes in the pictures that it marks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edgeseal.pictures import ImageInput, psnr_db
from edgeseal.watermark.runtime import Message, ModelInfo

__all__ = ["MAX_WATERMARK_ERROR_DB", "ArrayEmbedder", "WatermarkDifference", "compare_embedders"]

MAX_WATERMARK_ERROR_DB = -8.0
"""Above it, a quantized embedder draws another watermark: at 42 dB between source and marked
picture, less than 50 dB between both marked pictures."""

Float = NDArray[np.float32]


class ArrayEmbedder(Protocol):
    """What marks pictures and keeps their precision."""

    @property
    def info(self) -> ModelInfo:
        """What the model is."""

    def embed_array(self, image: ImageInput, message: Message) -> Float:
        """Return the marked picture, float32 [H, W, 3] for a floating point source."""


@dataclass(frozen=True, slots=True)
class WatermarkDifference:
    """Two embedders' marked pictures, not rounded.

    Attributes:
        psnr_db: between the marked pictures of both; infinite if they are equal.
        error_db: noise-to-signal ratio of the watermark itself, in decibels; minus infinity if
            nothing differs.
    """

    psnr_db: float
    error_db: float

    @property
    def is_good(self) -> bool:
        """Whether the watermark is still the same one."""
        return self.error_db <= MAX_WATERMARK_ERROR_DB


def compare_embedders(
    reference: ArrayEmbedder, other: ArrayEmbedder, pictures: Sequence[Float], *, seed: int = 0
) -> WatermarkDifference:
    """Mark pictures with both, each with a random message.

    Args:
        reference: the float embedder.
        other: made from it.
        pictures: float32 [H, W, 3] each, RGB, 0..1.
        seed: of the messages.
    """
    errors, watermarks = [], []
    for index, picture in enumerate(pictures):
        message = Message.random(reference.info.bits, seed=seed + index)
        expected, found = (one.embed_array(picture, message) for one in (reference, other))
        errors.append(np.square(found - expected).mean(dtype=np.float64))
        watermarks.append(np.square(expected - picture).mean(dtype=np.float64))
    error, watermark = float(np.mean(errors)), float(np.mean(watermarks))
    if error == 0:
        return WatermarkDifference(math.inf, -math.inf)
    error_db = 10 * math.log10(error / watermark) if watermark else math.inf
    return WatermarkDifference(psnr_db(error), error_db)
