"""The metric that decides: the share of message bits that a detector reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edgeseal.pictures import resize
from edgeseal.watermark.evaluate._six_attacks import StoredAttack

__all__ = ["Detector", "MarkedPicture", "model_input", "share_of_bits"]


class Detector(Protocol):
    """What ``runtime.LiteRTDetector`` and PyTorch's counterpart have in common."""

    def logits(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return float32 [N, bits] for pictures float32 [N, H, W, 3], RGB, 0..1."""


@dataclass(frozen=True, slots=True, eq=False)
class MarkedPicture:
    """A picture with a watermark, as it is stored.

    Attributes:
        pixels: uint8 [H, W, 3], RGB.
        bits: the message, [bits] of zeros and ones.
    """

    pixels: NDArray[np.uint8]
    bits: NDArray[np.float32]


def share_of_bits(
    detector: Detector,
    pictures: Sequence[MarkedPicture],
    attack: StoredAttack,
    *,
    image_size: int,
    seed: int = 0,
) -> float:
    """Return the share of bits read after an attack, 0..1 (one half is guessing).

    Args:
        detector: reads the message.
        pictures: all with messages of the detector's length.
        attack: what happens to each picture first.
        image_size: side of the detector's input, in pixels.
        seed: of the attack's randomness; the same draws for every detector.
    """
    batch = np.stack([model_input(p.pixels, attack, image_size, seed=seed) for p in pictures])
    sent = np.stack([picture.bits for picture in pictures])
    return float(np.mean((detector.logits(batch) > 0) == (sent > 0.5)))


def model_input(
    pixels: NDArray[np.uint8], attack: StoredAttack, image_size: int, *, seed: int
) -> NDArray[np.float32]:
    """Return the detector's input, float32 [image_size, image_size, 3], of an attacked picture."""
    attacked = attack(pixels, np.random.default_rng(seed))
    return resize(attacked.astype(np.float32) / np.float32(255), image_size, image_size)
