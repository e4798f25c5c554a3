"""What a repair could not do."""

from __future__ import annotations

from dataclasses import dataclass

from edgeseal.tflite.diagnosis import CODES

__all__ = ["Unmended"]


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
