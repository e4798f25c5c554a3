"""PNG files of 16 bits a channel, of which Pillow hands out and writes 8.

Reading: Pillow's decoder undoes the filters and keeps one byte of each sample; which one depends on
the byte order that it is told. So it decodes such a file twice. Writing: PNG specification, third
edition, chapters 5, 9 and 11; the filter of each row is the one with the smallest sum.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edgeseal.pictures._decoded import copy_pixels, strips
from edgeseal.pictures.metadata._png import write_chunk

__all__ = ["is_deep", "read_deep", "write_deep"]

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # by number of channels
# Pillow's raw modes of 16 bits, and for each byte of a sample the raw mode that keeps it
_BYTES = {"RGB;16B": ("RGB;16B", "RGB;16L"), "RGBA;16B": ("RGBA;16B", "RGBA;16L")}
_GREY_ALPHA = "LA;16B"
_PEAK = 65535
_LEVEL = 6

Deep = NDArray[np.uint16]


def is_deep(image: Image.Image) -> bool:
    """Whether an opened file, not loaded yet, has 16 bits a channel and Pillow would drop 8."""
    return image.format == "PNG" and _raw_mode(image) in (*_BYTES, _GREY_ALPHA)


def read_deep(open_again: Callable[[], Image.Image]) -> Deep:
    """Read the pixels of a file for which :func:`is_deep` is true.

    Args:
        open_again: opens the file as a new PIL image; may be called several times.

    Returns:
        uint16 [H, W, 2], grey and alpha, [H, W, 3] or [H, W, 4].
    """
    with open_again() as image:
        raw_mode = _raw_mode(image)
        transparent = image.info.get("transparency")
    if raw_mode == _GREY_ALPHA:
        both = _decoded(open_again, "RGBA")  # each byte is a channel
        return both.view(">u2").astype(np.uint16)
    high, low = (_decoded(open_again, kept) for kept in _BYTES[raw_mode])
    pixels: Deep = high.astype(np.uint16)
    pixels <<= 8
    pixels |= low
    if isinstance(transparent, tuple):
        opaque = (pixels != np.array(transparent, np.uint16)).any(axis=2)
        pixels = np.dstack([pixels, opaque.astype(np.uint16) * np.uint16(_PEAK)])
    return pixels


def write_deep(file: IO[bytes], pixels: Deep) -> None:
    """Write a PNG file of 16 bits.

    Args:
        file: open for writing.
        pixels: uint16 [H, W, C] with 1 (grey), 2 (grey and alpha), 3 or 4 channels.
    """
    height, width, channels = pixels.shape
    file.write(_SIGNATURE)
    header = struct.pack(">IIBBBBB", width, height, 16, _COLOUR_TYPES[channels], 0, 0, 0)
    write_chunk(file, b"IHDR", header)
    _write_pixels(file, pixels)
    write_chunk(file, b"IEND", b"")


def _raw_mode(image: Image.Image) -> str:
    tiles: Any = getattr(image, "tile", None) or []
    arguments = tiles[0][3] if tiles else ""
    return arguments if isinstance(arguments, str) else ""


def _decoded(open_again: Callable[[], Image.Image], raw_mode: str) -> NDArray[np.uint8]:
    with open_again() as image:
        several: Any = image
        several.tile = [tile._replace(args=raw_mode) for tile in several.tile]
        image.info.pop("transparency", None)
        return copy_pixels(image)


def _write_pixels(file: IO[bytes], pixels: Deep) -> None:
    height, width, channels = pixels.shape
    packer = zlib.compressobj(_LEVEL)
    before = np.zeros((1, 2 * channels * width), np.uint8)
    for start, stop in strips(height, width):
        rows = pixels[start:stop].astype(">u2").view(np.uint8).reshape(stop - start, -1)
        filtered = _filtered(rows, before, 2 * channels)
        before = rows[-1:]
        packed = packer.compress(filtered.tobytes())
        if packed:
            write_chunk(file, b"IDAT", packed)
    write_chunk(file, b"IDAT", packer.flush())


def _filtered(
    rows: NDArray[np.uint8], before: NDArray[np.uint8], pixel_bytes: int
) -> NDArray[np.uint8]:
    """Return rows with the number of their filter in front; ``before`` is the row above."""
    above = np.concatenate([before, rows[:-1]])
    left, above_left = (
        np.pad(one, ((0, 0), (pixel_bytes, 0)))[:, :-pixel_bytes] for one in (rows, above)
    )
    mean = ((left.astype(np.uint16) + above) >> 1).astype(np.uint8)
    predictions = (None, left, above, mean, _paeth(left, above, above_left))
    candidates = [rows if one is None else rows - one for one in predictions]
    # bytes as signed: small differences of either sign count little
    sums = [np.abs(one.view(np.int8).astype(np.int16)).sum(axis=1) for one in candidates]
    chosen = np.argmin(sums, axis=0)
    filtered = np.empty((len(rows), 1 + rows.shape[1]), np.uint8)
    filtered[:, 0] = chosen
    for kind, candidate in enumerate(candidates):
        filtered[chosen == kind, 1:] = candidate[chosen == kind]
    return filtered


def _paeth(
    left: NDArray[np.uint8], above: NDArray[np.uint8], above_left: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    a, b, c = (one.astype(np.int16) for one in (left, above, above_left))
    to_left, to_above, to_both = np.abs(b - c), np.abs(a - c), np.abs(a + b - 2 * c)
    is_left = (to_left <= to_above) & (to_left <= to_both)
    return np.where(is_left, left, np.where(to_above <= to_both, above, above_left))
