"""EXIF made true of a marked picture: size, orientation and thumbnail; the rest to the byte."""

from __future__ import annotations

import contextlib
import io
import struct
from collections.abc import Callable

from edgeseal.pictures.metadata._tiff_tags import Tag, Tags, pack, read_tags

__all__ = ["EXIF_PREFIX", "block_of", "true_exif"]

EXIF_PREFIX = b"Exif\0\0"
_ORIENTATION = 0x0112
_WIDTHS = (0x0100, 0xA002)
_HEIGHTS = (0x0101, 0xA003)
_THUMBNAIL, _THUMBNAIL_BYTES = 0x0201, 0x0202
_SHORT, _LONG = 3, 4
_WHOLE = {3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 13: "I"}  # types that readers take for numbers
_MOST = 65527  # bytes that a JPEG segment has for it


def true_exif(
    block: bytes, width: int, height: int, thumbnail: Callable[[], bytes]
) -> tuple[bytes, list[str], list[str]]:
    """Return an EXIF block that is true of an upright picture.

    It is changed in place, since makers' notes hold places in it that nobody else knows.

    Args:
        block: starting with its byte order.
        width: columns of the picture.
        height: rows of the picture.
        thumbnail: makes the new one, a JPEG file, where there was one.

    Returns:
        The block, what was removed from it, and what could not be read.
    """
    try:
        tags = read_tags(io.BytesIO(block))
    except (ValueError, struct.error) as error:
        return block, [], [f"EXIF {error}"]
    edited = bytearray(block)
    for directory in (tags.first, tags.children.get(34665, {})):
        _set(edited, tags, directory.get(_ORIENTATION), 1)
        for numbers, size in ((_WIDTHS, width), (_HEIGHTS, height)):
            for number in numbers:
                _set(edited, tags, directory.get(number), size)
    removed: list[str] = []
    if tags.second and not _replace_thumbnail(edited, tags, thumbnail):
        struct.pack_into(tags.order + "I", edited, tags.next_place, 0)
        removed = ["EXIF thumbnail"]
    return bytes(edited), removed, [f"EXIF: {problem}" for problem in tags.problems]


def block_of(tags: Tags) -> bytes:
    """Return an EXIF block with the tags of a TIFF file."""
    head = (b"II*\0" if tags.order == "<" else b"MM\0*") + struct.pack(tags.order + "I", 8)
    return head + pack(tags, tags.order, 8)


def _set(block: bytearray, tags: Tags, tag: Tag | None, value: int) -> None:
    """Set the first value of a tag of whole numbers, as a LONG where it needs that."""
    if tag is None or not tag.count or tag.kind not in _WHOLE:
        return
    if tag.kind == _SHORT and tag.count == 1 and value > 65535:
        struct.pack_into(tags.order + "H", block, tag.place + 2, _LONG)
        struct.pack_into(tags.order + "I", block, tag.place + 8, value)
        return
    with contextlib.suppress(struct.error):  # too large for its type
        struct.pack_into(tags.order + _WHOLE[tag.kind], block, tag.value_place, value)


def _replace_thumbnail(block: bytearray, tags: Tags, make: Callable[[], bytes]) -> bool:
    """Put a thumbnail in place of the old one, which goes in any case; say if one is there now."""
    place_tag, size_tag = tags.second.get(_THUMBNAIL), tags.second.get(_THUMBNAIL_BYTES)
    place, size = tags.number(place_tag), tags.number(size_tag)
    if place is None or size is None or place + size > len(block):
        return False
    block[place : place + size] = bytes(size)
    if place + size == len(block):
        del block[place:]
    thumbnail = make()
    is_fitting = place < len(block) and len(thumbnail) <= size
    if not is_fitting and len(block) + len(thumbnail) > _MOST:
        return False
    place = place if is_fitting else len(block)
    block[place : place + len(thumbnail)] = thumbnail
    for tag, value in ((place_tag, place), (size_tag, len(thumbnail))):
        _set(block, tags, tag, value)
    _set(block, tags, tags.second.get(_ORIENTATION), 1)
    return True
