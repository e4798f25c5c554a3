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
    packet, count = re.subn(attribute, b"", packet)
    kept, place = [], 0
    for opening in re.finditer(rb"<(%s)(?:\s[^<>]*)?/?>" % names, packet):
        if opening.start() < place:
            continue
        end = opening.end()
        if not opening[0].endswith(b"/>"):
            closing = b"</" + opening[1] + b">"
            at = packet.find(closing, end)
            if at < 0:
                break
            end = at + len(closing)
        kept.append(packet[place : opening.start()])
        place, count = end, count + 1
    return b"".join([*kept, packet[place:]]), count
