"""What a repair did, and what it could not do."""

from __future__ import annotations

from dataclasses import dataclass

from edgeseal.tflite.diagnosis import CODES

__all__ = ["ModelChange", "Unmended"]


@dataclass(frozen=True, slots=True)
class ModelChange:
    """Something in a model that a repair changed.

    Attributes:
        code: of the finding that it mends, such as ``ES022``; empty where a comparison with a
            float companion was the reason.
        text: what was done, in words.
        names: the results of the operators concerned, or the tensors concerned.
    """

    code: str
    text: str
    names: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """The finding in a few words."""
        return CODES[self.code].title if self.code else "accuracy"


@dataclass(frozen=True, slots=True)
class Unmended:
    """A finding that is still there.

    Attributes:
        code: of the finding.
        text: where it is, and why it could not be mended.
        names: the results of the operators concerned, or the tensors concerned.
    """

    code: str
    text: str
    names: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """The finding in a few words."""
        return CODES[self.code].title
