"""What FFmpeg passes over in MP4 and QuickTime files: XMP and boxes of others, and edit lists."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import IO

from edgeseal.pictures.metadata import C2PA_UUID, XMP_UUID, boxes

__all__ = ["ISO_SUFFIXES", "Beside", "read_beside"]

ISO_SUFFIXES = (".mp4", ".m4v", ".mov")
_MOST = 1 << 26
_XMP_OF_QUICKTIME = b"XMP_"
# of a file: what the muxer writes anew, and what only holds room or an index
_OWN = frozenset(b"ftyp moov mdat free skip wide moof mfra sidx styp pdin ssix pnot".split())
# of a movie's user data: what FFmpeg hands on as tags or chapters, and fillers
_TAGS = frozenset(b"meta name titl auth cprt desc dscp gnre perf albm yrrc loci chpl date".split())
_FILLERS = frozenset((b"free", b"skip", b"hnti", b"WLOC", b"LOOP", b"SelO", b"AllF"))
_COPYRIGHT = 0xA9  # the first letter of QuickTime's texts


@dataclass(frozen=True, slots=True)
class Beside:
    """What lies in a file beside its streams and tags.

    Attributes:
        blocks: contents of ``uuid`` boxes that stay true, XMP among them.
        dropped: names of what does not, or cannot be copied.
        has_keys: whether tags are QuickTime's keys, which may have any name.
        ends_s: when the picture's last frame stops being shown, in seconds from the movie's begin;
            None if the file does not say.
    """

    blocks: tuple[bytes, ...] = ()
    dropped: tuple[str, ...] = ()
    has_keys: bool = False
    ends_s: Fraction | None = None

    def write(self, path: Path, suffix: str) -> list[str]:
        """Append the blocks to a file of an ending; return the names of what it cannot hold."""
        if suffix.lower() not in ISO_SUFFIXES:
            return [_name_of(block) for block in self.blocks]
        with path.open("ab") as file:
            for block in self.blocks:
                file.write(struct.pack(">I4s", 8 + len(block), b"uuid") + block)
        return []


def read_beside(path: Path, track: int) -> Beside:
    """Read the boxes of a file.

    Args:
        path: an MP4 or QuickTime file.
        track: number of the picture's track.

    Raises:
        OSError: the file cannot be read.
    """
    blocks, dropped, has_keys, ends = [], [], False, None
    with path.open("rb") as file:
        for kind, start, end in boxes(file, 0, file.seek(0, 2)):
            if kind == b"uuid":
                data = _read(file, start, end)
                if data.startswith(C2PA_UUID):
                    dropped.append("C2PA manifest")
                elif len(data) == end - start:
                    blocks.append(data)
                else:
                    dropped.append(_name_of(data))
            elif kind == b"moov":
                blocks += _xmp(file, start, end)
                dropped += _unknown(file, start, end)
                has_keys = _has_keys(file, start, end)
                ends = _shown_until(file, start, end, track)
            elif kind not in _OWN:
                dropped.append(f"box {_text(kind)}")
    return Beside(tuple(dict.fromkeys(blocks)), tuple(dict.fromkeys(dropped)), has_keys, ends)


def _name_of(block: bytes) -> str:
    return "XMP" if block.startswith(XMP_UUID) else f"box uuid {block[:16].hex()}"


def _text(kind: bytes) -> str:
    return kind.decode("latin-1").strip() if kind.isascii() else kind.hex()


def _read(file: IO[bytes], start: int, end: int) -> bytes:
    file.seek(start)
    return file.read(min(end - start, _MOST))


def _find(file: IO[bytes], start: int, end: int, *kinds: bytes) -> Iterator[tuple[int, int]]:
    """Yield where the contents of boxes lie that are found on a way from box to box."""
    if not kinds:
        yield start, end
        return
    for kind, at, stop in boxes(file, start, end):
        if kind == kinds[0]:
            yield from _find(file, at, stop, *kinds[1:])


def _xmp(file: IO[bytes], start: int, end: int) -> list[bytes]:
    places = _find(file, start, end, b"udta", _XMP_OF_QUICKTIME)
    return [XMP_UUID + _read(file, at, stop) for at, stop in places]


def _unknown(file: IO[bytes], start: int, end: int) -> list[str]:
    known = _TAGS | _FILLERS | {_XMP_OF_QUICKTIME}
    found = [
        k for at, stop in _find(file, start, end, b"udta") for k, _, _ in boxes(file, at, stop)
    ]
    return [f"box {_text(kind)}" for kind in found if kind not in known and kind[0] != _COPYRIGHT]


def _has_keys(file: IO[bytes], start: int, end: int) -> bool:
    places = [*_find(file, start, end, b"meta"), *_find(file, start, end, b"udta", b"meta")]
    return any(b"mdta" in _read(file, at, min(stop, at + 64)) for at, stop in places)


def _shown_until(file: IO[bytes], start: int, end: int, track: int) -> Fraction | None:
    """Return the sum of a track's edits in seconds."""
    units = [_number(file, at) for at, _ in _find(file, start, end, b"mvhd")]
    for at, stop in _find(file, start, end, b"trak"):
        numbers = [_number(file, a) for a, _ in _find(file, at, stop, b"tkhd")]
        if numbers == [track] and units and units[0]:
            lists = [_read(file, *place) for place in _find(file, at, stop, b"edts", b"elst")]
            return Fraction(sum(map(_edits, lists)), units[0]) or None
    return None


def _number(file: IO[bytes], at: int) -> int | None:
    """Return what follows the two times of a header, which are of 4 bytes or of 8."""
    data = _read(file, at, at + 24)
    if len(data) < 24:
        return None
    return int(struct.unpack_from(">I", data, 20 if data[0] == 1 else 12)[0])


def _edits(data: bytes) -> int:
    entry = struct.Struct(">QqI" if data[:1] == b"\1" else ">IiI")
    entries = data[8 : 8 + (len(data) - 8) // entry.size * entry.size]
    return sum(lasts for lasts, _, _ in entry.iter_unpack(entries))
