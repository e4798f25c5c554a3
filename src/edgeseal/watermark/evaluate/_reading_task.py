"""Reading messages as a task to tune a detector on: inputs, and what share of the bits is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgeseal.errors import ModelError, UsageError
from edgeseal.watermark.evaluate._bits import MarkedPicture, model_input
from edgeseal.watermark.evaluate._six_attacks import StoredAttack

__all__ = ["ReadingTask", "reading_task"]


@dataclass(frozen=True, slots=True, eq=False)
class ReadingTask:
    """Attacked marked pictures, and the messages in them.

    Attributes:
        inputs: float32 [1, H, W, 3], RGB, 0..1, one per run.
        sent: float32 [runs, bits] of zeros and ones.
    """

    inputs: tuple[NDArray[np.float32], ...]
    sent: NDArray[np.float32]

    def score(self, logits: NDArray[np.float32]) -> float:
        """Return the share of bits read, 0..1.

        Args:
            logits: float32 [runs, 1 + bits]; index 0 carries no information.

        Raises:
            ModelError: the logits are of another number of bits.
        """
        read = logits.reshape(len(logits), -1)[:, 1:]
        if read.shape != self.sent.shape:
            raise ModelError(
                f"the model reads {read.shape[1]} bits, the pictures hold {self.sent.shape[1]}; "
                "give a detector and an embedder of one card"
            )
        return float(np.mean((read > 0) == (self.sent > 0.5)))


def reading_task(
    pictures: Sequence[MarkedPicture],
    attacks: Mapping[str, StoredAttack],
    image_size: int,
    *,
    seed: int = 0,
) -> ReadingTask:
    """Return every picture after every attack.

    Neighbours in the list are different pictures after different attacks, so that its beginning is
    a fair sample of it.

    Args:
        pictures: marked, with messages of one length.
        attacks: by name.
        image_size: side of the detector's input, in pixels.
        seed: of the attacks' randomness.

    Raises:
        UsageError: there are no pictures, or no attacks.
    """
    if not pictures or not attacks:
        raise UsageError("expected one marked picture and one attack or more, got none")
    kinds = list(attacks.values())
    pairs = [
        (picture, kinds[(index + turn) % len(kinds)])
        for turn in range(len(kinds))
        for index, picture in enumerate(pictures)
    ]
    inputs = tuple(
        model_input(picture.pixels, attack, image_size, seed=seed)[None]
        for picture, attack in pairs
    )
    return ReadingTask(inputs, np.stack([picture.bits for picture, _ in pairs]))
