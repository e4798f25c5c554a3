"""Boxes of JPEG XL files (ISO/IEC 18181-2), which the plug-in does not hand out."""

from __future__ import annotations

from dataclasses import replace
from typing import IO

from edgeseal.pictures.metadata._boxes import boxes
from edgeseal.pictures.metadata._metadata import Metadata

__all__ = ["with_boxes"]

_MOST = 1 << 28
_NAMES = {b"Exif": "EXIF", b"xml ": "XMP", b"jumb": "JUMBF data"}


def with_boxes(metadata: Metadata, file: IO[bytes]) -> Metadata:
    """Return what is known of a file, with its XMP, and what its boxes hold besides."""
    file.seek(4)
    if file.read(4) != b"JXL ":
        return metadata  # the bare picture
    for kind, start, end in boxes(file, 0, file.seek(0, 2)):
        file.seek(start)
        if kind == b"xml " and not metadata.xmp:
            metadata = replace(metadata, xmp=file.read(min(end - start, _MOST)))
        elif kind == b"jumb":
            is_signed = b"c2pa" in file.read(min(end - start, _MOST))
            metadata = metadata.without("C2PA manifest" if is_signed else "JUMBF data")
        elif kind == b"brob":
            packed = file.read(4)
            if packed != b"xml " or not metadata.xmp:
                name = _NAMES.get(packed, packed.decode("latin-1"))
                metadata = metadata.without(f"{name} (compressed)")
    return metadata
