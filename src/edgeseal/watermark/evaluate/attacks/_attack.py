"""An attack: one family at one strength, or several one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from edgeseal.errors import UsageError
from edgeseal.watermark.evaluate.attacks import codecs, colour, geometry, values
from edgeseal.watermark.evaluate.attacks._family import AttackFamily, Picture

__all__ = ["FAMILIES", "Attack", "AttackStep", "sweep"]

FAMILIES: dict[str, AttackFamily] = {
    family.name: family
    for module in (geometry, colour, values, codecs)
    for family in module.FAMILIES
}
"""All there are, by name."""


@dataclass(frozen=True, slots=True)
class AttackStep:
    """A family at a strength.

    Attributes:
        family: its name.
        strength: in the family's unit; None for a family without.
    """

    family: str
    strength: float | None = None

    def __post_init__(self) -> None:
        """Refuse what means nothing.

        Raises:
            UsageError: there is no such family, or the strength does not fit it.
        """
        if self.family not in FAMILIES:
            raise UsageError(
                f"attack {self.family!r}: no such family; choose among {', '.join(FAMILIES)}"
            )
        FAMILIES[self.family].check(self.strength)

    @property
    def name(self) -> str:
        """Family and strength."""
        return self.family if self.strength is None else f"{self.family} {self.strength:g}"


@dataclass(frozen=True, slots=True)
class Attack:
    """What happens to a marked picture on its way to the detector.

    Attributes:
        steps: one after the other; at least one.
    """

    steps: tuple[AttackStep, ...]

    def __post_init__(self) -> None:
        """Refuse an attack without steps.

        Raises:
            UsageError: there are none.
        """
        if not self.steps:
            raise UsageError("attack: expected one step or more, got none")

    @property
    def name(self) -> str:
        """All steps, such as ``jpeg 60 + crop 0.71``."""
        return " + ".join(step.name for step in self.steps)

    @property
    def family(self) -> str:
        """The families of all steps."""
        return " + ".join(step.family for step in self.steps)

    @property
    def strength(self) -> float | None:
        """The strength of the first step, by which attacks of a family are ordered."""
        return self.steps[0].strength

    @property
    def is_clip(self) -> bool:
        """Whether it needs a clip: a step is a video encoder."""
        return any(FAMILIES[step.family].is_clip for step in self.steps)

    def apply(self, picture: Picture, rng: np.random.Generator) -> Picture:
        """Return the picture after the attack.

        Args:
            picture: float32 [H, W, 3], RGB, 0..1; it stays as it is.
            rng: source of all chance in it.

        Returns:
            float32 [H', W', 3], RGB, 0..1, not rounded to 8 bits.

        Raises:
            UsageError: it needs a clip.
        """
        if self.is_clip:
            raise UsageError(f"attack {self.name}: is for videos; use --attacks video on videos")

        def change(values: Picture, step: AttackStep) -> Picture:
            return FAMILIES[step.family].change(values, step.strength or 0, rng)

        return reduce(change, self.steps, picture)

    def apply_to_clip(self, clip: Picture, rng: np.random.Generator) -> Picture:
        """Return a clip after the attack: each step has one draw for all frames.

        Args:
            clip: float32 [T, H, W, 3], RGB, 0..1; it stays as it is.
            rng: source of all chance in it.

        Returns:
            float32 [T', H', W', 3], RGB, 0..1, not rounded to 8 bits.
        """

        def change(frames: Picture, step: AttackStep) -> Picture:
            family, strength, seed = (
                FAMILIES[step.family],
                step.strength or 0,
                rng.integers(1 << 62),
            )
            if family.is_clip:
                return family.change(frames, strength, rng)
            draws = (np.random.default_rng(seed) for _ in frames)
            return np.stack(
                [
                    family.change(frame, strength, draw)
                    for frame, draw in zip(frames, draws, strict=True)
                ]
            )

        return reduce(change, self.steps, clip)

    def __call__(self, stored: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
        """Return a stored picture or clip after the attack, stored again.

        Args:
            stored: uint8 [H, W, 3] or [T, H, W, 3].
            rng: source of all chance in it.
        """
        apply = self.apply_to_clip if stored.ndim == 4 else self.apply
        attacked = apply(stored.astype(np.float32) / np.float32(255), rng)
        levels: NDArray[np.uint8] = np.rint(attacked * np.float32(255)).astype(np.uint8)
        return levels


def sweep(family: str, strengths: Sequence[float]) -> tuple[Attack, ...]:
    """Return attacks of one family."""
    return tuple(Attack((AttackStep(family, strength),)) for strength in strengths)
