"""Chunks of WebP files (WebP container specification)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import IO

from edgeseal.pictures.metadata._exif import EXIF_PREFIX
from edgeseal.pictures.metadata._metadata import Metadata, Piece

__all__ = ["is_lossy", "read_webp", "write_webp"]

_PIXELS = (b"VP8 ", b"VP8L", b"ALPH")
_ANIMATION = (b"ANIM", b"ANMF")
_FRAMES = (b"VP8 ", b"VP8L", b"ANMF")
_ICC_FLAG, _ALPHA_FLAG, _EXIF_FLAG, _XMP_FLAG = 0x20, 0x10, 0x08, 0x04
_KNOWN = (b"ICCP", b"EXIF", b"XMP ")


def is_lossy(file: IO[bytes]) -> bool:
    """Whether the pixels of a file, or of its first frame, lost something."""
    kinds = next((kind + data[16:20] for kind, data in _chunks(file) if kind in _FRAMES), b"VP8 ")
    return b"VP8L" not in kinds


def read_webp(file: IO[bytes]) -> Metadata:
    """Read the chunks of a file."""
    found: dict[bytes, bytes] = {}
    blocks: list[Piece] = []
    dropped: list[str] = []
    file.seek(4)
    left = int.from_bytes(file.read(4), "little") - 4
    for kind, data in _chunks(file):
        left -= 8 + len(data) + len(data) % 2
        if kind in _KNOWN:
            found.setdefault(kind, data)
        elif kind == b"C2PA":
            dropped.append("C2PA manifest")
        elif kind in _ANIMATION:
            dropped.append("animation")
        elif kind not in (*_PIXELS, b"VP8X"):
            blocks.append(Piece(kind, data, f"chunk {kind.decode('latin-1').strip()}"))
    return Metadata(
        container="WEBP",
        exif=found.get(b"EXIF", b"").removeprefix(EXIF_PREFIX),
        icc_profile=found.get(b"ICCP", b""),
        xmp=found.get(b"XMP ", b""),
        blocks=tuple(blocks),
        problems=("WebP chunks: cut short",) if left > 1 else (),
    ).without(*dropped)


def write_webp(encoded: IO[bytes], target: IO[bytes], metadata: Metadata) -> list[str]:
    """Copy a file with what belongs to it."""
    pixels = [chunk for chunk in _chunks(encoded) if chunk[0] in _PIXELS]
    before = [(b"ICCP", metadata.icc_profile)] if metadata.icc_profile else []
    after = [(b"EXIF", metadata.exif)] if metadata.exif else []
    after += [(b"XMP ", metadata.xmp)] if metadata.xmp else []
    if metadata.container == "WEBP":
        after += [(block.kind, block.data) for block in metadata.blocks]
    chunks = [*before, *pixels, *after]
    if len(chunks) > 1:
        width, height, has_alpha = _size(pixels)
        flags = _ICC_FLAG * bool(metadata.icc_profile) | _ALPHA_FLAG * has_alpha
        flags |= _EXIF_FLAG * bool(metadata.exif) | _XMP_FLAG * bool(metadata.xmp)
        sizes = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
        chunks.insert(0, (b"VP8X", bytes([flags, 0, 0, 0]) + sizes))
    size = 4 + sum(8 + len(data) + len(data) % 2 for _, data in chunks)
    target.write(b"RIFF" + struct.pack("<I", size) + b"WEBP")
    for kind, data in chunks:
        target.write(kind + struct.pack("<I", len(data)))
        target.write(data)
        target.write(bytes(len(data) % 2))
    return []


def _chunks(file: IO[bytes]) -> Iterator[tuple[bytes, bytes]]:
    file.seek(12)
    while len(head := file.read(8)) == 8:
        kind, size = struct.unpack("<4sI", head)
        data = file.read(size)
        if len(data) < size:
            return
        file.seek(size % 2, 1)
        yield kind, data


def _size(pixels: list[tuple[bytes, bytes]]) -> tuple[int, int, bool]:
    """Return columns, rows, and whether there is transparency, as the pixels' chunks say."""
    kind, data = pixels[-1]
    if kind == b"VP8L":
        bits = int.from_bytes(data[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, bool(bits >> 28 & 1)
    width, height = struct.unpack_from("<HH", data, 6)
    return width & 0x3FFF, height & 0x3FFF, len(pixels) > 1
