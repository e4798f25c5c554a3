"""Segments of JPEG files (ITU T.81, annex B), and pictures behind the first (CIPA DC-007)."""

from __future__ import annotations

import io
import shutil
import struct
from collections import defaultdict
from collections.abc import Iterator
from typing import IO

from edgeseal.pictures.metadata._exif import EXIF_PREFIX
from edgeseal.pictures.metadata._metadata import Metadata, Piece
from edgeseal.pictures.metadata._tiff_tags import read_tags

__all__ = ["read_jpeg", "write_jpeg"]

_APP0, _APP1, _APP2, _APP11, _APP13, _APP14 = 0xE0, 0xE1, 0xE2, 0xEB, 0xED, 0xEE
_LAST_APP, _COMMENT = 0xEF, 0xFE
_EOI = 0xD9
_PIXELS = (0xDA, _EOI)  # where the first scan begins, or the file ends without one
_ALONE = (0x00, 0x01, 0xFF, *range(0xD0, 0xD9))  # behind 0xFF these have no content
_MOST = 65533  # bytes in a segment
_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_MORE_XMP = b"http://ns.adobe.com/xmp/extension/\0"
_ICC = b"ICC_PROFILE\0"
_JFIF, _JFXX = b"JFIF\0", b"JFXX\0"
_JUMBF = b"JP"
_COMMENTS = b""
_PHOTOSHOP = b"Photoshop 3.0\0"
_MPF = b"MPF\0"
_MP_ENTRIES = 0xB002
_BLOCK_BYTES = 1 << 20
# how segments begin that are taken apart; Adobe's only says how colours are coded
_KNOWN = (
    (_APP0, _JFIF), (_APP0, _JFXX), (_APP1, EXIF_PREFIX), (_APP1, _XMP), (_APP2, _ICC),
    (_APP11, _JUMBF), (_APP13, _PHOTOSHOP), (_APP14, b"Adobe"),
)  # fmt: skip
_SINGLE = (_JFIF, EXIF_PREFIX, _XMP)
_NAMES = {
    _MORE_XMP: "extended XMP", _MPF: "index of pictures",
    b"FPXR": "FlashPix data", b"urn:iso:std:iso:ts:21496": "gain map data", b"FLIR": "FLIR data",
    b"Ducky": "Ducky data",
}  # fmt: skip


def read_jpeg(file: IO[bytes]) -> Metadata:
    """Read the segments of a file."""
    found: defaultdict[bytes, list[bytes]] = defaultdict(list)
    blocks: list[Piece] = []
    index_place = 0
    for marker, data in _segments(file):
        start = next((one for of, one in _KNOWN if of == marker and data.startswith(one)), None)
        if start is not None and not (start in _SINGLE and found[start]):
            found[start].append(data[len(start) :])
        elif marker == _COMMENT:
            found[_COMMENTS].append(data)
        elif _APP0 <= marker <= _LAST_APP:
            blocks.append(Piece(bytes([marker]), data, _name(marker, data)))
            if data.startswith(_MPF):
                index_place = file.tell() - len(data) + len(_MPF)
    jumbf, dropped = _jumbf(found[_JUMBF])
    headers = [data[:7].ljust(7, b"\0") for data in found[_JFIF]]
    if found[_JFXX] or any(len(data) > 9 for data in found[_JFIF]):
        dropped.append("JFIF thumbnail")
    jfif = [Piece(b"\xe0", _JFIF + data + b"\0\0", "JFIF header") for data in headers]
    profile = {data[:1]: data[2:] for data in reversed(found[_ICC])}  # of a number twice the first
    behind = file.read(2)
    file.seek(-len(behind), 1)
    tail_place, tail = _tail(file)
    return Metadata(
        container="JPEG",
        exif=b"".join(found[EXIF_PREFIX]),
        icc_profile=b"".join(profile[number] for number in sorted(profile)),
        xmp=b"".join(found[_XMP]),
        photoshop=b"".join(found[_PHOTOSHOP]),
        comments=tuple(found[_COMMENTS]),
        dpi=_dpi(headers[0]) if headers else None,
        blocks=(*jfif, *blocks, *jumbf),
        tail=tail,
        tail_place=tail_place - index_place,
        problems=() if behind[1:] and behind[1] in _PIXELS else ("JPEG segments: cut short",),
    ).without(*dropped)


def write_jpeg(encoded: IO[bytes], target: IO[bytes], metadata: Metadata) -> list[str]:
    """Copy a file with what belongs to it; returns the names of what does not fit."""
    missing: list[str] = []
    encoded.seek(0)
    coding = [
        (marker, data)
        for marker, data in _segments(encoded)
        if not _APP0 <= marker <= _LAST_APP and marker != _COMMENT
    ]
    start = encoded.tell()
    size = encoded.seek(0, 2)
    segments = list(_new_segments(metadata, missing))
    head_bytes = 2 + sum(4 + len(data) for _, data in [*segments, *coding])
    end = head_bytes + size - start
    place = 2
    target.write(b"\xff\xd8")
    for marker, data in [*segments, *coding]:
        if marker == _APP2 and data.startswith(_MPF):
            data = _moved(data, place + 4 + len(_MPF), end, metadata)
        target.write(struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data)
        place += 4 + len(data)
    encoded.seek(start)
    shutil.copyfileobj(encoded, target, _BLOCK_BYTES)
    if metadata.container == "JPEG":
        target.write(metadata.tail)
    return missing


def _segments(file: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """Yield the segments before the first scan, and leave the file where that begins.

    What decoders pass over is passed over: fill bytes, markers without content, and what is none.
    """
    if file.read(2) != b"\xff\xd8":
        return
    before = b""
    while byte := file.read(1):
        if before != b"\xff" or byte[0] in _ALONE:
            before = byte
            continue
        place = file.tell() - 2
        size = int.from_bytes(file.read(2), "big") - 2
        data = b"" if byte[0] in _PIXELS else file.read(max(0, size))
        if byte[0] in _PIXELS or size < 0 or len(data) < size:
            file.seek(place)
            return
        yield byte[0], data
        before = b""


def _tail(file: IO[bytes]) -> tuple[int, bytes]:
    """Return what follows the end of the picture whose first scan is next, and where."""
    data = file.read()
    base = file.tell() - len(data)
    place = 0
    while (place := data.find(b"\xff", place)) >= 0 and place + 1 < len(data):
        marker = data[place + 1]
        if marker == _EOI:
            return base + place + 2, data[place + 2 :]
        if marker not in _ALONE and place + 4 <= len(data):
            place += 2 + struct.unpack_from(">H", data, place + 2)[0]
        else:
            place += 1 if marker == 0xFF else 2
    return base + len(data), b""


def _jumbf(parts: list[bytes]) -> tuple[list[Piece], list[str]]:
    """Return JUMBF's segments, which belong together by number, and what was removed of them."""
    boxes: defaultdict[bytes, list[bytes]] = defaultdict(list)
    for part in parts:
        boxes[part[:2]].append(part)
    signed = [number for number, box in boxes.items() if any(b"c2pa" in part for part in box)]
    kept = [Piece(b"\xeb", _JUMBF + part, "JUMBF data") for part in parts if part[:2] not in signed]
    return kept, ["C2PA manifest"] * bool(signed)


def _dpi(jfif: bytes) -> tuple[float, float] | None:
    """Return dots per inch of a JFIF header, from its version on."""
    unit, across, down = struct.unpack_from(">BHH", jfif, 2)
    if unit not in (1, 2):
        return None
    factor = 1 if unit == 1 else 2.54
    return (across * factor, down * factor) if across and down else None


def _name(marker: int, data: bytes) -> str:
    known = (name for start, name in _NAMES.items() if data.startswith(start))
    return next(known, f"segment APP{marker - _APP0}")


def _new_segments(metadata: Metadata, missing: list[str]) -> Iterator[tuple[int, bytes]]:
    own = metadata.blocks if metadata.container == "JPEG" else ()
    first = [block for block in own if block.kind == b"\xe0"]
    if metadata.dpi is not None and metadata.container != "JPEG":
        across, down = (min(round(one), 65535) for one in metadata.dpi)
        yield _APP0, b"JFIF\0" + struct.pack(">BBBHHBB", 1, 1, 1, across, down, 0, 0)
    for block in first:
        yield block.kind[0], block.data
    if metadata.exif:
        yield from _one(_APP1, EXIF_PREFIX + metadata.exif, "EXIF", missing)
    if metadata.xmp:
        yield from _one(_APP1, _XMP + metadata.xmp, "XMP", missing)
    if metadata.icc_profile:
        parts = list(_parts(metadata.icc_profile, _MOST - 14))
        if len(parts) > 255:
            missing.append("colour profile (longer than JPEG holds)")
            parts = []
        for index, part in enumerate(parts, start=1):
            yield _APP2, _ICC + bytes([index, len(parts)]) + part
    for part in _parts(metadata.photoshop, _MOST - len(_PHOTOSHOP)):
        yield _APP13, _PHOTOSHOP + part
    for block in own:
        if block not in first:
            yield block.kind[0], block.data
    for comment in metadata.comments:
        yield from _one(_COMMENT, comment, "comment", missing)


def _one(marker: int, data: bytes, name: str, missing: list[str]) -> Iterator[tuple[int, bytes]]:
    if len(data) > _MOST:
        missing.append(f"{name} (longer than JPEG holds)")
    else:
        yield marker, data


def _parts(data: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


def _moved(segment: bytes, place: int, end: int, metadata: Metadata) -> bytes:
    """Return the index of pictures with their new places.

    Args:
        segment: the index.
        place: where its byte order will be in the file, which its places are counted from.
        end: the size of the first picture, behind which the others follow.
        metadata: knows where they were.
    """
    edited = bytearray(segment)
    try:
        tags = read_tags(io.BytesIO(segment[len(_MPF) :]))
        entries = tags.first[_MP_ENTRIES]
        start = len(_MPF) + entries.value_place
        for number, at in enumerate(range(start, start + len(entries.data) - 15, 16)):
            _, _, was = struct.unpack_from(tags.order + "III", segment, at)
            if number == 0:
                struct.pack_into(tags.order + "I", edited, at + 4, end)
            if was >= metadata.tail_place:
                now = was - metadata.tail_place + end - place
                struct.pack_into(tags.order + "I", edited, at + 8, now)
    except (KeyError, ValueError, struct.error):
        return segment  # damaged before: as useful as it was
    return bytes(edited)
