"""Extensions of GIF files (GIF89a, and XMP specification part 3, section 1.1.2)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO

from edgeseal.pictures.metadata._metadata import Metadata

__all__ = ["read_gif"]

_EXTENSION, _IMAGE = b"\x21", b"\x2c"
_COMMENT, _APPLICATION = 0xFE, 0xFF
_XMP, _ICC, _C2PA = b"XMP DataXMP", b"ICCRGBG1012", b"C2PA_GIF"
_XMP_END = b"\x01\xff\xfe\xfd"  # the text stands there without sizes; readers land behind it


def read_gif(file: IO[bytes]) -> Metadata:
    """Read the extensions of a file."""
    comments: list[bytes] = []
    profile = xmp = b""
    dropped: list[str] = []
    for label, parts, raw in _extensions(file):
        name = parts[0] if parts else b""
        if label == _COMMENT:
            comments.append(b"".join(parts))
        elif label == _APPLICATION and name == _XMP:
            xmp = raw[1 + len(_XMP) :].rpartition(_XMP_END)[0]
        elif label == _APPLICATION and name == _ICC:
            profile = b"".join(parts[1:])
        elif label == _APPLICATION and name.startswith(_C2PA):
            dropped.append("C2PA manifest")
    return Metadata(
        container="GIF", xmp=xmp, icc_profile=profile, comments=tuple(filter(None, comments))
    ).without(*dropped)


def _extensions(file: IO[bytes]) -> Iterator[tuple[int, list[bytes], bytes]]:
    """Yield each extension: its label, its parts, and these with their sizes."""
    _skip_colours(file, file.read(13)[10:11])
    while (kind := file.read(1)) in (_EXTENSION, _IMAGE):
        if kind == _IMAGE:
            _skip_colours(file, file.read(9)[8:9])
            file.seek(1, 1)
            _parts(file)
        elif label := file.read(1):
            yield label[0], *_parts(file)


def _skip_colours(file: IO[bytes], flags: bytes) -> None:
    if flags and flags[0] & 0x80:
        file.seek(3 << (flags[0] & 7) + 1, 1)


def _parts(file: IO[bytes]) -> tuple[list[bytes], bytes]:
    parts: list[bytes] = []
    raw = bytearray()
    while (size := file.read(1)) not in (b"", b"\0"):
        parts.append(file.read(size[0]))
        raw += size + parts[-1]
    return parts, bytes(raw)
