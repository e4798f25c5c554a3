"""Boxes of JPEG 2000 files (ITU T.800, annex I)."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from typing import IO

from edgeseal.pictures.metadata._boxes import C2PA_UUID, XMP_UUID, boxes
from edgeseal.pictures.metadata._exif import EXIF_PREFIX
from edgeseal.pictures.metadata._metadata import Metadata, Piece, lost_depth

__all__ = ["read_jp2", "without_many_boxes", "write_jp2"]

_EXIF = b"JpgTiffExif->JP2"
_KEPT = (b"uuid", b"xml ", b"uinf", b"jumb", b"asoc")
_MOST = 1 << 28
_MOST_DECODED = 1 << 20  # bytes of boxes that are no pixels; Pillow gives up behind 8 MB of them
_SIGNATURE = b"\0\0\0\x0cjP  \r\n\x87\n"
_METRE_INCHES = 0.0254


def read_jp2(file: IO[bytes]) -> Metadata:
    """Read the boxes of a file; a bare codestream has none."""
    exif = xmp = profile = b""
    dpi = None
    blocks: list[Piece] = []
    dropped: list[str] = []
    size = file.seek(0, 2)
    for kind, start, end in boxes(file, 0, size):
        if kind == b"jp2h":
            for inner, at, stop in boxes(file, start, end):
                data = _read(file, at, stop)
                if inner == b"ihdr" and len(data) > 10 and data[9] > 2:  # colours, 16 bits of which
                    dropped += lost_depth((data[10] & 0x7F) + 1)  # Pillow reads as 8
                elif inner == b"colr" and data[:1] in (b"\2", b"\3"):
                    profile = data[3:]
                elif inner == b"res ":
                    dpi = _dpi(data) or dpi
        elif kind in _KEPT:
            data = _read(file, start, end)
            if kind == b"uuid" and data.startswith(XMP_UUID):
                xmp = data[16:]
            elif kind == b"uuid" and data.startswith(_EXIF):
                exif = data[16:].removeprefix(EXIF_PREFIX)
            elif data.startswith(C2PA_UUID) or (kind == b"jumb" and b"c2pa" in data):
                dropped.append("C2PA manifest")
            else:
                blocks.append(Piece(kind, data, f"box {kind.decode().strip()}"))
    return Metadata(
        container="JPEG2000", exif=exif, icc_profile=profile, xmp=xmp, dpi=dpi, blocks=tuple(blocks)
    ).without(*dropped)


def without_many_boxes(file: IO[bytes]) -> IO[bytes]:
    """Return a JPEG 2000 file without more metadata than Pillow can pass; else the same file."""
    is_one = file.read(len(_SIGNATURE)) == _SIGNATURE
    size = file.seek(0, 2) if is_one else 0
    found, place = [], 0  # boxes of metadata with their heads, and where the next box begins
    for kind, _, end in boxes(file, 0, size):
        if kind in _KEPT:
            found.append((place, end))
        place = end
    file.seek(0)
    if sum(end - start for start, end in found) <= _MOST_DECODED:
        return file
    rest = io.BytesIO()
    for start, end in found:
        rest.write(file.read(start - file.tell()))
        file.seek(end)
    rest.write(file.read())
    rest.seek(0)
    return rest


def write_jp2(encoded: IO[bytes], target: IO[bytes], metadata: Metadata) -> list[str]:
    """Copy a file with what belongs to it."""
    size = encoded.seek(0, 2)
    for kind, start, end in boxes(encoded, 0, size):
        if kind == b"jp2h":
            _write(target, kind, _header(encoded, start, end, metadata))
            continue
        encoded.seek(start)
        if kind == b"jp2c":
            for extra, data in _extras(metadata):
                _write(target, extra, data)
        target.write(struct.pack(">I", 8 + end - start) + kind)
        target.write(encoded.read(end - start))
    return []


def _extras(metadata: Metadata) -> Iterator[tuple[bytes, bytes]]:
    if metadata.exif:
        yield b"uuid", _EXIF + metadata.exif
    if metadata.xmp:
        yield b"uuid", XMP_UUID + metadata.xmp
    if metadata.container == "JPEG2000":
        for block in metadata.blocks:
            yield block.kind, block.data


def _header(encoded: IO[bytes], start: int, end: int, metadata: Metadata) -> bytes:
    """Return the boxes on the picture as a whole, with its own colours and resolution."""
    parts = []
    for kind, at, stop in boxes(encoded, start, end):
        data = _read(encoded, at, stop)
        if kind == b"colr" and metadata.icc_profile:
            data = b"\2\0\0" + metadata.icc_profile
        parts.append(_box(kind, data))
    if metadata.dpi is not None:
        down, across = (round(one / _METRE_INCHES) for one in metadata.dpi[::-1])
        if max(across, down) < 1 << 16:
            captured = struct.pack(">HHHHBB", down, 1, across, 1, 0, 0)
            parts.append(_box(b"res ", _box(b"resc", captured)))
    return b"".join(parts)


def _dpi(data: bytes) -> tuple[float, float] | None:
    """Return dots per inch of a box of resolutions, the captured one first."""
    place = max(data.find(b"resc"), data.find(b"resd") if b"resc" not in data else -1)
    if place < 0 or len(data) < place + 14:
        return None
    down, down_part, across, across_part, down_power, across_power = struct.unpack_from(
        ">HHHHbb", data, place + 4
    )
    if not down_part or not across_part or not down or not across:
        return None
    return (
        across / across_part * 10.0**across_power * _METRE_INCHES,
        down / down_part * 10.0**down_power * _METRE_INCHES,
    )


def _read(file: IO[bytes], start: int, end: int) -> bytes:
    file.seek(start)
    return file.read(min(end - start, _MOST))


def _box(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", 8 + len(data)) + kind + data


def _write(file: IO[bytes], kind: bytes, data: bytes) -> None:
    file.write(_box(kind, data))
