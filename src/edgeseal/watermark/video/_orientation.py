"""Frames lie in a file as the camera was held; a matrix beside them says how to show them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

__all__ = ["UPRIGHT", "Orientation"]


@dataclass(frozen=True, slots=True)
class Orientation:
    """What makes a stored frame upright: first transposed, then mirrored.

    Attributes:
        transposed: whether rows become columns.
        left_right: whether columns are reversed after that.
        up_down: whether rows are reversed after that.
    """

    transposed: bool = False
    left_right: bool = False
    up_down: bool = False

    @classmethod
    def of_matrix(cls, matrix: tuple[int, ...]) -> Orientation:
        """Read FFmpeg's display matrix: x' = a x + c y, y' = b x + d y, to the nearest quarter."""
        a, b, c, d = matrix[0], matrix[1], matrix[3], matrix[4]
        if abs(a) + abs(d) >= abs(b) + abs(c):
            return cls(False, a < 0, d < 0)
        return cls(True, c < 0, b < 0)

    def upright(self, pixels: NDArray[Any]) -> NDArray[Any]:
        """Return a stored frame [H, W, C] as it is shown."""
        shown = pixels.swapaxes(0, 1) if self.transposed else pixels
        return shown[:: -1 if self.up_down else 1, :: -1 if self.left_right else 1]

    def stored(self, pixels: NDArray[Any]) -> NDArray[Any]:
        """Return what is shown as it is stored; undoes :meth:`upright`."""
        turned = pixels[:: -1 if self.up_down else 1, :: -1 if self.left_right else 1]
        return turned.swapaxes(0, 1) if self.transposed else turned


UPRIGHT = Orientation()
