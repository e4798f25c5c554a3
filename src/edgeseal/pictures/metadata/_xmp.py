"""XMP made true of a marked picture, as text: everything else stays to the byte."""

from __future__ import annotations

import re

__all__ = ["true_xmp"]

_GONE = {
    rb"xmp:Thumbnails|xap:Thumbnails": "XMP thumbnail",
    rb"dcterms:provenance": "address of a C2PA manifest",
}


def true_xmp(packet: bytes, width: int, height: int, *, is_turned: bool) -> tuple[bytes, list[str]]:
    """Return XMP that is true of an upright picture, and what was removed from it.

    Args:
        packet: in UTF-8; in other encodings, which files of pictures do not have, it stays.
        width: columns of the picture.
        height: rows of the picture.
        is_turned: whether columns and rows changed places.
    """
    packet = _set(packet, rb"tiff:Orientation", 1)
    if is_turned:
        for names, size in (
            (rb"tiff:ImageWidth|exif:PixelXDimension", width),
            (rb"tiff:ImageLength|exif:PixelYDimension", height),
        ):
            packet = _set(packet, names, size)
    removed = []
    for names, what in _GONE.items():
        packet, count = _without(packet, names)
        removed += [what] * bool(count)
    return packet, removed


def _set(packet: bytes, names: bytes, value: int) -> bytes:
    """Set a number, whether it is an attribute or an element."""
    number = b"%d" % value
    packet = re.sub(rb"(\b(?:%s)\s*=\s*[\"'])\d+" % names, rb"\g<1>" + number, packet)
    return re.sub(rb"(<(?:%s)>\s*)\d+" % names, rb"\g<1>" + number, packet)


def _without(packet: bytes, names: bytes) -> tuple[bytes, int]:
    attribute = rb"\s(?:%s)\s*=\s*(?:\"[^\"]*\"|'[^']*')" % names
    packet, some = re.subn(attribute, b"", packet)
    element = rb"<(%s)(?:\s[^<>]*)?(?:/>|>.*?</\1>)\s*" % names
    packet, more = re.subn(element, b"", packet, flags=re.DOTALL)
    return packet, some + more
