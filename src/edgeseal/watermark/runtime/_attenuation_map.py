"""How much a viewer notices: the map that some models multiply their watermark with.

Upstream's ``videoseal.modules.jnd`` (licence MIT), after Wu et al., "Enhanced Just Noticeable
Difference Model for Images With Pattern Complexity", IEEE TIP 2017, in single precision and by
rows, so that a large picture needs no map of its size. Of a plane p on the scale 0..255, with zeros
around the picture:

- luminance masking: L is the mean over 5 x 5 pixels with weights 1 outside, 2 inside and 0 in the
  middle; 17 (1 - sqrt(L / 127 + 1e-5)) where L is at most 127, else 3 (L - 127) / 128 + 3;
- contrast masking: g^2 is the squared length of Sobel's gradient;
  0.117 * 16 g^2.4 / (g^2 + 26^2);
- the map is their sum less 0.3 times the smaller one, at least 0, by 255.

At L = 127 the map jumps by 3 / 255, there and in upstream's: a rounding of L decides.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgeseal.errors import ModelError

__all__ = ["HALO", "Attenuation", "find_attenuation"]

HALO = 2
"""Rows above and below that a row of the map depends on."""

_LUMA = (0.299, 0.587, 0.114)
_PEAK = 255.0
_MIDDLE = 127.0  # of luminance: what is darker and what is brighter hides a mark
_EPSILON = 1e-5
_CONTRAST = 0.117 * 16
_SATURATION = 26.0**2
_OVERLAP = 0.3
_BLUE = (0.5, 0.5, 1.0)

Float = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Attenuation:
    """A variant of the map.

    Attributes:
        name: upstream's name of it.
        in_channels: 1 if it is computed from luma, 3 if from red, green and blue each.
        out_channels: 1 for one map for all colours, 3 for one for each.
        blue: whether red and green are halved, as blue hides more.
    """

    name: str
    in_channels: int
    out_channels: int
    blue: bool = False

    @property
    def is_grey(self) -> bool:
        """Whether red, green and blue have one map if the picture is grey."""
        return not self.blue

    def rows(self, rgb: Float, above: int = 0, below: int = 0) -> Float:
        """Return the map of some rows of a picture.

        Args:
            rgb: float32 [above + H + below, W, 3], RGB, 0..1.
            above: rows before those that are wanted, at most :data:`HALO`; there are zeros around
                the picture, so fewer only at its edge.
            below: likewise, rows after them.

        Returns:
            float32 [H, W, C], 0..1, where C is 1 for one map for all colours, else 3.
        """
        margins = (HALO - above, HALO - below)
        if self.in_channels == 1:
            maps = [_visibility(_luma(rgb), margins)]
        else:
            maps = [_visibility(np.float32(_PEAK) * rgb[..., c], margins) for c in range(3)]
            if self.out_channels == 1:
                maps = [sum((one / np.float32(3) for one in maps[1:]), maps[0] / np.float32(3))]
        if self.blue:
            maps = [maps[0] * np.float32(factor) for factor in _BLUE]
        return np.stack(maps, axis=2)


_KNOWN = {
    known.name: known
    for known in (
        Attenuation("jnd_1_1", 1, 1),
        Attenuation("jnd_1_3", 1, 3),
        Attenuation("jnd_1_3_blue", 1, 3, blue=True),
        Attenuation("jnd_3_1", 3, 1),
        Attenuation("jnd_3_3", 3, 3),
    )
}


def find_attenuation(name: str | None) -> Attenuation | None:
    """Return the map of a name; None for None.

    Raises:
        ModelError: there is no such map.
    """
    if name is None:
        return None
    if name not in _KNOWN:
        raise ModelError(
            f"multiplies its watermark with the map {name!r}, which this version of edgeseal does "
            f"not know; known maps: {', '.join(_KNOWN)}"
        )
    return _KNOWN[name]


def _luma(rgb: Float) -> Float:
    """Return luma on the scale 0..255, float32 [H, W], summed in upstream's order."""
    scaled = (np.float32(_PEAK) * rgb[..., channel] for channel in range(3))
    red, green, blue = (np.float32(w) * plane for w, plane in zip(_LUMA, scaled, strict=True))
    luma: Float = red
    luma += green
    luma += blue
    return luma


def _visibility(plane: Float, margins: tuple[int, int]) -> Float:
    """Return the map for a plane, float32 [H, W], 0..255; ``margins`` rows of zeros are added."""
    padded = np.pad(plane, (margins, (HALO, HALO)))
    luminance, contrast = _luminance_masking(padded), _contrast_masking(padded)
    total: Float = luminance + contrast
    np.minimum(luminance, contrast, out=contrast)
    contrast *= np.float32(_OVERLAP)
    total -= contrast
    np.maximum(total, 0, out=total)
    total /= np.float32(_PEAK)
    return total


def _luminance_masking(padded: Float) -> Float:
    """Return float32 [H, W] for ``padded`` [H + 4, W + 4]."""
    height, width = padded.shape[0] - 4, padded.shape[1] - 4
    three = padded[1:-3] + padded[2:-2]
    three += padded[3:-1]
    five = padded[:-4] + padded[4:]
    five += three
    # the kernel is a box of 5 x 5 and one of 3 x 3, less twice the middle
    mean = five[:, :width] + five[:, 4:]
    for shift in (1, 2, 3):
        mean += five[:, shift : shift + width]
        mean += three[:, shift : shift + width]
    middle = padded[2 : 2 + height, 2 : 2 + width]
    mean -= middle
    mean -= middle
    mean /= np.float32(32)
    dark = np.minimum(mean, np.float32(_MIDDLE)) / np.float32(_MIDDLE)
    dark += np.float32(_EPSILON)
    np.sqrt(dark, out=dark)
    np.subtract(np.float32(1), dark, out=dark)
    dark *= np.float32(17)
    bright = mean - np.float32(_MIDDLE)
    bright *= np.float32(3 / 128)
    bright += np.float32(3)
    masking: Float = np.where(mean <= np.float32(_MIDDLE), dark, bright)
    return masking


def _contrast_masking(padded: Float) -> Float:
    """Return float32 [H, W] for ``padded`` [H + 4, W + 4]."""
    inner = padded[1:-1, 1:-1]
    across = inner[:, 2:] - inner[:, :-2]
    along = inner[:, :-2] + inner[:, 2:]
    along += inner[:, 1:-1]
    along += inner[:, 1:-1]
    gradient_x = across[:-2] + across[2:]
    gradient_x += across[1:-1]
    gradient_x += across[1:-1]
    gradient_y = along[:-2] - along[2:]
    squared = np.square(gradient_x, out=gradient_x)
    squared += np.square(gradient_y, out=gradient_y)
    masking: Float = np.power(squared, np.float32(1.2))
    masking *= np.float32(_CONTRAST)
    squared += np.float32(_SATURATION)
    masking /= squared
    return masking
