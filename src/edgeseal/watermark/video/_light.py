"""HDR10's notes on light: what the mastering display showed, and how bright the picture gets.

FFmpeg's encoders write them into the picture's own stream, where every player looks, but PyAV hands
them over only as text among the encoder's own parameters.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

__all__ = ["Light"]

# FFmpeg's AVMasteringDisplayMetadata: eight chromaticities and two luminances as fractions, and
# whether each group is there; AVContentLightMetadata: two numbers
_DISPLAY = struct.Struct("=20i2i")
_LEVELS = struct.Struct("=2I")
_CHROMATICITY, _LUMINANCE = 50_000, 10_000  # units of SMPTE ST 2086 as H.264 and HEVC count them


@dataclass(frozen=True, slots=True)
class Light:
    """Notes of a frame.

    Attributes:
        display: x and y of red, green, blue and white, and the lowest and highest luminance in
            candela per square metre; or None.
        levels: the brightest pixel and the brightest frame's mean, in candela per square metre; or
            None.
    """

    display: tuple[Fraction, ...] | None
    levels: tuple[int, int] | None

    @classmethod
    def of(cls, notes: Any) -> Light:
        """Read PyAV's side data of a frame; what is incomplete counts as none."""
        display = notes.get("MASTERING_DISPLAY_METADATA")
        levels = notes.get("CONTENT_LIGHT_LEVEL")
        return cls(
            None if display is None else _fractions(bytes(display)),
            None if levels is None else _LEVELS.unpack_from(bytes(levels)),
        )

    def parameters(self, codec: str) -> dict[str, str]:
        """Return the encoder's own parameters that write them, by name; none for other encoders."""
        if codec not in _NAMES:
            return {}
        display, levels = _NAMES[codec]
        found = {}
        if self.display is not None:
            found[display] = _display(self.display, exact=codec == "libsvtav1")
        if self.levels is not None:
            found[levels] = f"{self.levels[0]},{self.levels[1]}"
        return found

    def dropped(self, codec: str) -> list[str]:
        """Return what an encoder cannot write."""
        if codec in _NAMES:
            return []
        named = {"mastering display": self.display, "content light level": self.levels}
        return [name for name, value in named.items() if value is not None]


_NAMES = {
    "libx264": ("mastering-display", "cll"),
    "libx265": ("master-display", "max-cll"),
    "libsvtav1": ("mastering-display", "content-light"),
}


def _fractions(data: bytes) -> tuple[Fraction, ...] | None:
    if len(data) < _DISPLAY.size:
        return None
    *numbers, has_primaries, has_luminance = _DISPLAY.unpack_from(data)
    pairs = list(zip(numbers[::2], numbers[1::2], strict=True))
    if not has_primaries or not has_luminance or any(below <= 0 for _, below in pairs):
        return None
    return tuple(Fraction(above, below) for above, below in pairs)


def _display(values: tuple[Fraction, ...], *, exact: bool) -> str:
    """Return ``G(x,y)B(x,y)R(x,y)WP(x,y)L(highest,lowest)``, in units or as decimals."""

    def text(value: Fraction, unit: int) -> str:
        return f"{float(value):.6f}" if exact else str(round(value * unit))

    red, green, blue, white = (
        ",".join(text(value, _CHROMATICITY) for value in values[i : i + 2]) for i in range(0, 8, 2)
    )
    low, high = (text(value, _LUMINANCE) for value in values[8:])
    return f"G({green})B({blue})R({red})WP({white})L({high},{low})"
