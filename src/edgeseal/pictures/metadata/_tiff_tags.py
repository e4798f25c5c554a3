"""Tags of TIFF files and EXIF blocks, as they are: read, and written at another place.

TIFF 6.0, section 2; BigTIFF is read as well. What lies outside of the data is left out and said.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import IO

__all__ = ["CHILDREN", "Directory", "Tag", "Tags", "pack", "read_tags"]

CHILDREN = {34665: "Exif", 34853: "GPS", 40965: "Interop"}
"""Tags that point to a directory of their own."""

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_SIZES |= {16: 8, 17: 8, 18: 8}
_PARTS = {5: 4, 10: 4}  # a fraction is two numbers
_LONG = 4
_MOST_TAGS = 4096
_MOST_BYTES = 1 << 28


@dataclass(frozen=True, slots=True)
class Tag:
    """A value.

    Attributes:
        kind: TIFF's number of the type.
        count: number of values.
        data: the values in the byte order of the file.
        place: where the tag is described, from the start of the data.
        value_place: where its values are.
    """

    kind: int
    count: int
    data: bytes
    place: int = 0
    value_place: int = 0


Directory = dict[int, Tag]


@dataclass(slots=True)
class Tags:
    """What is in a TIFF structure.

    Attributes:
        order: ``<`` or ``>``.
        first: the first directory.
        children: the directories that its tags point to, by tag.
        next_place: where the place of the second directory is noted.
        second: the second directory: the thumbnail, in EXIF.
        problems: what could not be read.
    """

    order: str
    first: Directory
    children: dict[int, Directory] = field(default_factory=dict)
    next_place: int = 0
    second: Directory = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def number(self, tag: Tag | None) -> int | None:
        """Return the first value of a tag of whole numbers, or None."""
        codes = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q"}
        if tag is None or tag.kind not in codes or not tag.count:
            return None
        return int(struct.unpack_from(self.order + codes[tag.kind], tag.data)[0])


class _Reader:
    """Reads directories; never beyond the data, never one twice."""

    def __init__(self, file: IO[bytes]) -> None:
        head = file.read(16)
        self.file = file
        self.order = {b"II": "<", b"MM": ">"}.get(head[:2], "")
        if not self.order or len(head) < 8:
            raise ValueError("is no TIFF structure")
        self.is_big = struct.unpack_from(self.order + "H", head, 2)[0] == 43
        self.word = "Q" if self.is_big else "I"
        self.first = int(
            struct.unpack_from(self.order + self.word, head, 8 if self.is_big else 4)[0]
        )
        file.seek(0, 2)
        self.size = file.tell()
        self.problems: list[str] = []
        self._seen: set[int] = set()

    def at(self, place: int, size: int) -> bytes:
        if place < 0 or size < 0 or place + size > self.size or size > _MOST_BYTES:
            raise ValueError("points outside of the data")
        self.file.seek(place)
        return self.file.read(size)

    def number(self, code: str, place: int) -> int:
        return int(struct.unpack(self.order + code, self.at(place, struct.calcsize(code)))[0])

    def directory(self, place: int, name: str) -> tuple[Directory, int, int]:
        """Return the tags at a place, where the next place is noted, and that place."""
        if place in self._seen:
            raise ValueError("points to itself")
        self._seen.add(place)
        head, row = ("Q", 20) if self.is_big else ("H", 12)
        count = self.number(head, place)
        if count > _MOST_TAGS:
            raise ValueError(f"lists {count} tags")
        start = place + struct.calcsize(head)
        found: Directory = {}
        for at in range(start, start + count * row, row):
            try:
                number, tag = self._tag(at)
            except (ValueError, struct.error) as error:
                self.problems.append(f"a tag of {name} {error}")
            else:
                found[number] = tag
        end = start + count * row
        try:
            return found, end, self.number(self.word, end)
        except ValueError:
            return found, end, 0

    def _tag(self, at: int) -> tuple[int, Tag]:
        row = self.at(at, 20 if self.is_big else 12)
        number, kind = struct.unpack_from(self.order + "HH", row)
        count = self.number(self.word, at + 4)
        if kind not in _SIZES:
            raise ValueError(f"({number}) has the unknown type {kind}")
        size = count * _SIZES[kind]
        value_place = at + (12 if self.is_big else 8)
        if size > (8 if self.is_big else 4):
            value_place = self.number(self.word, value_place)
        try:
            return number, Tag(kind, count, self.at(value_place, size), at, value_place)
        except ValueError as error:
            raise ValueError(f"({number}) {error}") from error


def read_tags(file: IO[bytes]) -> Tags:
    """Read the directories of a TIFF file or an EXIF block.

    Raises:
        ValueError: it is none, or its first directory lies outside of it.
    """
    file.seek(0)
    reader = _Reader(file)
    first, next_place, second_place = reader.directory(reader.first, "the first directory")
    tags = Tags(reader.order, first, next_place=next_place, problems=reader.problems)
    for number, owner in ((34665, first), (34853, first), (40965, None)):
        holder = tags.children.get(34665, {}) if owner is None else owner
        place = tags.number(holder.get(number))
        if place is not None:
            try:
                tags.children[number] = reader.directory(place, CHILDREN[number])[0]
            except ValueError as error:
                tags.problems.append(f"{CHILDREN[number]} {error}")
    if second_place:
        try:
            tags.second = reader.directory(second_place, "the thumbnail")[0]
        except ValueError as error:
            tags.problems.append(f"the thumbnail {error}")
    return tags


def pack(tags: Tags, order: str, base: int) -> bytes:
    """Return the first directory and its children, to be put at a place of a file.

    Args:
        tags: what to write; pointers to children are made anew.
        order: of the file.
        base: the place, an even one; the first directory is there.
    """
    first = {n: _ordered(tag, tags.order, order) for n, tag in tags.first.items()}
    inner = {
        number: {n: _ordered(tag, tags.order, order) for n, tag in tags.children[number].items()}
        for number in tags.children
    }
    for number in CHILDREN:
        holder = inner.get(34665, {}) if number == 40965 else first
        holder.pop(number, None)
        if number in inner and (number != 40965 or 34665 in inner):
            holder[number] = Tag(_LONG, 1, bytes(4))
    parts = list(_placed([first, *inner.values()], base))
    places = dict(zip(inner, [place for place, _ in parts[1:]], strict=True))
    for number, place in places.items():
        holder = inner.get(34665, {}) if number == 40965 else first
        if number in holder:
            holder[number] = Tag(_LONG, 1, struct.pack(order + "I", place))
    return b"".join(_directory(one, order, place) for place, one in parts)


def _placed(directories: list[Directory], base: int) -> Iterator[tuple[int, Directory]]:
    for one in directories:
        yield base, one
        base += 6 + 12 * len(one) + sum(_padded(len(tag.data)) for tag in one.values())


def _padded(size: int) -> int:
    return 0 if size <= 4 else size + size % 2


def _directory(tags: Mapping[int, Tag], order: str, base: int) -> bytes:
    rows, values = bytearray(), bytearray()
    start = base + 6 + 12 * len(tags)
    for number, tag in sorted(tags.items()):
        rows += struct.pack(order + "HHI", number, tag.kind, tag.count)
        if len(tag.data) <= 4:
            rows += tag.data.ljust(4, b"\0")
        else:
            rows += struct.pack(order + "I", start + len(values))
            values += tag.data + bytes(len(tag.data) % 2)
    return struct.pack(order + "H", len(tags)) + bytes(rows) + bytes(4) + bytes(values)


def _ordered(tag: Tag, source: str, target: str) -> Tag:
    """Return a tag with its values in another byte order, BigTIFF's own types as TIFF's."""
    data, kind = tag.data, tag.kind
    size = _PARTS.get(kind, _SIZES[kind])
    if source != target and size > 1:
        data = b"".join(data[i : i + size][::-1] for i in range(0, len(data), size))
    return Tag(kind, tag.count, data)
