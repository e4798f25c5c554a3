"""Tags of TIFF files: written into a second, final directory, since Pillow keeps only some."""

from __future__ import annotations

import shutil
import struct
from dataclasses import replace
from fractions import Fraction
from io import BytesIO
from typing import IO

from edgeseal.pictures.metadata._exif import block_of
from edgeseal.pictures.metadata._metadata import Metadata, Piece, lost_depth
from edgeseal.pictures.metadata._photoshop import iptc_of, resources_of
from edgeseal.pictures.metadata._tiff_tags import Directory, Tag, Tags, pack, read_tags

__all__ = ["STORAGE_TAGS", "read_tiff", "write_tiff"]

STORAGE_TAGS = frozenset([
    *range(254, 260), 262, 263, 264, 265, 266, 273, 277, 278, 279, 280, 281, 284, *range(288, 294),
    317, *range(320, 326), 326, 327, 328, 332, 333, 334, 336, *range(338, 344), 347,
    *range(512, 522), 529, 530, 531, 532,
])  # fmt: skip
"""Tags on how the pixels lie in the file: true of the source only."""

_BITS, _CHANNELS = 258, 277
_XMP, _IPTC, _PHOTOSHOP, _PROFILE = 700, 33723, 34377, 34675
_UNTRUE = {
    330: "reduced pictures (SubIFDs)",
    37724: "Photoshop layers",
    50255: "Photoshop annotations",
    52545: "C2PA manifest",
}
_ACROSS, _DOWN, _UNIT = 282, 283, 296
_BYTE, _ASCII, _SHORT, _RATIONAL, _UNDEFINED = 1, 2, 3, 5, 7
_DESCRIPTION = 270
_BLOCK_BYTES = 1 << 20


def read_tiff(file: IO[bytes]) -> Metadata:
    """Read the tags of a file's first picture."""
    try:
        tags = read_tags(file)
    except (ValueError, struct.error) as error:
        return Metadata(container="TIFF", problems=(f"TIFF tags: {error}",))
    first = tags.first
    own = {number: first.pop(number).data for number in (_XMP, _PROFILE, _PHOTOSHOP, _IPTC)
           if number in first}  # fmt: skip
    dropped = [name for number, name in _UNTRUE.items() if first.pop(number, None) is not None]
    if (tags.number(first.get(_CHANNELS)) or 1) > 2:  # Pillow reads 16 bits of colours as 8
        dropped += lost_depth(tags.number(first.get(_BITS)) or 8)
    for number in STORAGE_TAGS & set(first):
        del first[number]
    iptc = own.get(_IPTC, b"")
    photoshop = own.get(_PHOTOSHOP) or (resources_of(iptc) if iptc else b"")
    return Metadata(
        container="TIFF",
        exif=block_of(tags) if first or tags.children else b"",
        icc_profile=own.get(_PROFILE, b""),
        xmp=own.get(_XMP, b""),
        photoshop=photoshop,
        dpi=_dpi(tags),
        blocks=(Piece(b"IPTC", iptc, "IPTC tag"),) if iptc else (),
        problems=tuple(f"TIFF tags: {problem}" for problem in tags.problems),
    ).without(*dropped)


def write_tiff(encoded: IO[bytes], target: IO[bytes], metadata: Metadata) -> list[str]:
    """Copy a file and put a directory behind it that has its own tags and what belongs to it."""
    coded = read_tags(encoded)
    merged = _merged(coded, metadata)
    encoded.seek(0)
    shutil.copyfileobj(encoded, target, _BLOCK_BYTES)
    base = target.tell()
    target.write(bytes(base % 2))
    base += base % 2
    target.write(pack(merged, coded.order, base))
    target.seek(4)
    target.write(struct.pack(coded.order + "I", base))
    target.seek(0, 2)
    return []


def _merged(coded: Tags, metadata: Metadata) -> Tags:
    """Return tags in the order of the encoded file: how it is stored, and what it shows."""
    kept = _kept(metadata)
    order = coded.order
    if kept.order != order:
        kept = read_tags(BytesIO(b"II*\0" + struct.pack("<I", 8) + pack(kept, order, 8)))
    first: Directory = {n: tag for n, tag in coded.first.items() if n in STORAGE_TAGS}
    shown = {n: tag for n, tag in kept.first.items() if n not in STORAGE_TAGS}
    if metadata.dpi is not None and _ACROSS not in shown:
        for number, one in zip((_ACROSS, _DOWN), metadata.dpi, strict=True):
            part = Fraction(one).limit_denominator(10**6)
            value = struct.pack(order + "II", part.numerator, part.denominator)
            shown[number] = Tag(_RATIONAL, 1, value)
        shown[_UNIT] = Tag(_SHORT, 1, struct.pack(order + "H", 2))
    if metadata.comments and metadata.container != "TIFF" and _DESCRIPTION not in shown:
        text = metadata.comments[0].rstrip(b"\0") + b"\0"
        shown[_DESCRIPTION] = Tag(_ASCII, len(text), text)
    for number, kind, data in _whole(metadata):
        if data:
            shown[number] = Tag(kind, len(data), data)
    return replace(kept, order=order, first=first | shown)


def _kept(metadata: Metadata) -> Tags:
    try:
        return read_tags(BytesIO(metadata.exif))
    except (ValueError, struct.error):
        return Tags("<", {})


def _whole(metadata: Metadata) -> list[tuple[int, int, bytes]]:
    is_own = metadata.container == "TIFF"
    iptc = next((block.data for block in metadata.blocks if is_own), iptc_of(metadata.photoshop))
    photoshop = metadata.photoshop
    if is_own and iptc and photoshop == resources_of(iptc):
        photoshop = b""  # there was none: it was made of the tag
    return [
        (_XMP, _BYTE, metadata.xmp),
        (_IPTC, _UNDEFINED, iptc),
        (_PHOTOSHOP, _BYTE, photoshop),
        (_PROFILE, _UNDEFINED, metadata.icc_profile),
    ]


def _dpi(tags: Tags) -> tuple[float, float] | None:
    unit = tags.number(tags.first.get(_UNIT)) or 2
    found = []
    for number in (_ACROSS, _DOWN):
        tag = tags.first.get(number)
        if tag is None or tag.kind != _RATIONAL or len(tag.data) < 8 or unit not in (2, 3):
            return None
        above, below = struct.unpack_from(tags.order + "II", tag.data)
        if not above or not below:
            return None
        found.append(above / below * (2.54 if unit == 3 else 1))
    return found[0], found[1]
