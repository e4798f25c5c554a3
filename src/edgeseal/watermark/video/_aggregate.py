"""One message from the logits of many frames, as upstream's ``extract_message`` does it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

__all__ = ["AGGREGATIONS", "Aggregate"]

Float = NDArray[np.float64]

_WEIGHTED: dict[str, Callable[[Float], Float]] = {
    "avg": lambda logits: logits,
    "squared_avg": lambda logits: logits * np.abs(logits),
    "l1norm_avg": lambda logits: logits * np.abs(logits).sum(),
    "l2norm_avg": lambda logits: logits * np.sqrt(np.square(logits).sum()),
}

AGGREGATIONS = tuple(_WEIGHTED)
"""Upstream's names: the mean of the logits; of their squares with their signs; of the logits
weighted with their frame's sum of magnitudes, or with their length."""


class Aggregate:
    """A running mean in double precision.

    Attributes:
        frames: number of frames added.
    """

    def __init__(self, name: str, bits: int) -> None:
        """Start with nothing; ``name`` is one of :data:`AGGREGATIONS`."""
        self.frames = 0
        self._weigh = _WEIGHTED[name]
        self._total = np.zeros(bits)

    def add(self, logits: NDArray[np.float32]) -> None:
        """Add the logits of a frame, float32 [bits]."""
        self.frames += 1
        self._total += self._weigh(logits.astype(np.float64))

    def logits(self) -> NDArray[np.float32]:
        """Return the mean so far, float32 [bits]; a bit is 1 where it is above 0."""
        mean: NDArray[np.float32] = (self._total / max(1, self.frames)).astype(np.float32)
        return mean
