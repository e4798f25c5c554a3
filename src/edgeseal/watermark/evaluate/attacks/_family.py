"""What every family of attacks is: a function of a picture, a strength and a draw."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from edgeseal.errors import UsageError

__all__ = ["AttackFamily", "Picture"]

Picture: TypeAlias = NDArray[np.float32]
"""float32 [H, W, 3], RGB, 0..1."""

Change: TypeAlias = Callable[[Picture, float, np.random.Generator], Picture]


@dataclass(frozen=True, slots=True)
class AttackFamily:
    """Attacks that differ in their strength only.

    Attributes:
        name: in files and tables.
        change: picture float32 [H, W, 3], strength, randomness -> picture float32 [H', W', 3],
            both in 0..1. It leaves its argument as it is.
        strength: what the strength is, for axes; empty if there is none.
        low: smallest strength.
        high: largest strength.
        is_odd: whether the strength is an odd integer.
        is_integer: whether the strength is an integer.
        is_clip: whether it changes clips, float32 [T, H, W, 3], and not single pictures.
    """

    name: str
    change: Change
    strength: str = ""
    low: float = -math.inf
    high: float = math.inf
    is_odd: bool = False
    is_integer: bool = False
    is_clip: bool = False

    def check(self, strength: float | None) -> None:
        """Refuse a strength that means nothing.

        Raises:
            UsageError: there is one too many or too few, or it is out of range.
        """
        if not self.strength:
            if strength is not None:
                raise UsageError(f"attack {self.name}: takes no strength, got {strength:g}")
            return
        if strength is None:
            raise UsageError(f"attack {self.name}: needs a strength ({self.strength})")
        fits = self.low <= strength <= self.high  # False for NaN
        if (self.is_integer or self.is_odd) and fits:
            fits = strength == int(strength) and (not self.is_odd or int(strength) % 2 == 1)
        if not fits:
            kind = "an odd integer" if self.is_odd else "an integer" if self.is_integer else "one"
            raise UsageError(
                f"attack {self.name}: expected a strength ({self.strength}) of {self.low:g} to "
                f"{self.high:g}, {kind}, got {strength:g}"
            )
