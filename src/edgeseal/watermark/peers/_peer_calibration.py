"""Pictures for engines that want to see some before they quantize."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseal.data import photo_paths
from edgeseal.pictures import read_image, resize
from edgeseal.watermark.cards import Part
from edgeseal.watermark.runtime import Message, ModelInfo

__all__ = ["calibration_inputs"]

_CROPS = 8  # of each bundled photograph
_SMALLEST = 0.5  # share of a side that a crop keeps


def calibration_inputs(
    info: ModelInfo, pictures: Sequence[Path] | None, *, seed: int = 0
) -> list[tuple[NDArray[Any], ...]]:
    """Return inputs of a float model.

    Args:
        info: its description.
        pictures: files; None for random crops of the bundled photographs.
        seed: for crops and messages.

    Returns:
        For each picture float32 [1, size, size, 3] in 0..1, for an embedder with a message float32
        [1, bits].

    Raises:
        FileError, ImageError: a picture cannot be read.
    """
    rng = np.random.default_rng(seed)
    if pictures is None:
        images = [_crop(read_image(path), rng) for path in photo_paths() for _ in range(_CROPS)]
    else:
        images = [read_image(path) for path in pictures]
    inputs: list[tuple[NDArray[Any], ...]] = []
    for number, image in enumerate(images):
        picture = resize(image, info.image_size, info.image_size)[None]
        message = Message.random(info.bits, seed=seed + number).array()[None]
        inputs.append((picture, message) if info.part == Part.EMBEDDER.value else (picture,))
    return inputs


def _crop(image: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Cut a random rectangle out of float32 [H, W, 3]."""
    sides = [int(side * rng.uniform(_SMALLEST, 1)) for side in image.shape[:2]]
    top, left = (int(rng.integers(0, a - b + 1)) for a, b in zip(image.shape, sides, strict=False))
    return image[top : top + sides[0], left : left + sides[1]]
