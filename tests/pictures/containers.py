"""Pieces of picture files, taken apart independently of what is tested, and files with pieces."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from typing import Any

from PIL import Image

XMP = (
    b'<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description '
    b'xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" Iptc4xmpExt:Digital'
    b'SourceType="http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"/>'
    b'</rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
)
IPTC = b"8BIM\x04\x04\0\0\0\0\0\x0c\x1c\x02t\0\x07(c) Me\0"
PSEUDO_THUMBNAIL = b"8BIM\x04\x0c\0\0\0\0\0\x04abcd"


def segments(data: bytes) -> list[tuple[int, bytes]]:
    """Return marker and content of every segment of a JPEG file before its first scan."""
    found, place = [], 2
    while data[place + 1] != 0xDA:
        size = int.from_bytes(data[place + 2 : place + 4], "big")
        found.append((data[place + 1], data[place + 4 : place + 2 + size]))
        place += 2 + size
    return found


def chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    """Return kind and content of every chunk of a PNG file, whose checksums have to be right."""
    found, place = [], 8
    while place < len(data):
        size = int.from_bytes(data[place : place + 4], "big")
        body = data[place + 4 : place + 8 + size]
        assert zlib.crc32(body) == int.from_bytes(data[place + 8 + size : place + 12 + size], "big")
        found.append((body[:4], body[4:]))
        place += 12 + size
    return found


def texts(data: bytes) -> dict[bytes, bytes]:
    """Return the compressed texts of a PNG file by name, unpacked."""
    packed = (data.partition(b"\0") for kind, data in chunks(data) if kind == b"zTXt")
    return {name: zlib.decompress(rest[1:]) for name, _, rest in packed}


def with_extension(data: bytes, name: bytes, content: bytes) -> bytes:
    """Put an application's extension into a GIF file, with the content as it is."""
    place = 13 + (3 << (data[10] & 7) + 1 if data[10] & 0x80 else 0)
    return data[:place] + b"!\xff\x0b" + name + content + b"\0" + data[place:]


def riff(data: bytes) -> list[tuple[bytes, bytes]]:
    """Return kind and content of every chunk of a WebP file."""
    assert data[:4] == b"RIFF" and data[8:12] == b"WEBP"
    assert int.from_bytes(data[4:8], "little") == len(data) - 8
    found, place = [], 12
    while place < len(data):
        size = int.from_bytes(data[place + 4 : place + 8], "little")
        found.append((data[place : place + 4], data[place + 8 : place + 8 + size]))
        place += 8 + size + size % 2
    return found


def boxes(data: bytes) -> list[tuple[bytes, bytes]]:
    """Return kind and content of every outer box of a JPEG 2000 file."""
    found, place = [], 0
    while place < len(data):
        size = int.from_bytes(data[place : place + 4], "big") or len(data) - place
        found.append((data[place + 4 : place + 8], data[place + 8 : place + size]))
        place += size
    return found


def tags(data: bytes) -> dict[int, Any]:
    """Return the values of the first directory of a TIFF file."""
    with Image.open(io.BytesIO(data)) as image:
        return {number: image.tag_v2[number] for number in image.tag_v2}  # type: ignore[attr-defined]


def with_segments(data: bytes, *new: tuple[int, bytes]) -> bytes:
    """Return a JPEG file with more segments behind its first one."""
    at = 4 + int.from_bytes(data[4:6], "big")
    packed = (struct.pack(">BBH", 0xFF, kind, len(body) + 2) + body for kind, body in new)
    return data[:at] + b"".join(packed) + data[at:]


def with_chunks(data: bytes, *new: tuple[bytes, bytes]) -> bytes:
    """Return a PNG file with more chunks behind its header."""
    packed = (
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in new
    )
    return data[:33] + b"".join(packed) + data[33:]


def with_riff(data: bytes, *new: tuple[bytes, bytes]) -> bytes:
    """Return a WebP file with more chunks at its end."""
    packed = b"".join(
        kind + struct.pack("<I", len(body)) + body + bytes(len(body) % 2) for kind, body in new
    )
    return b"RIFF" + struct.pack("<I", len(data) + len(packed) - 8) + data[8:] + packed


def with_boxes(data: bytes, *new: tuple[bytes, bytes]) -> bytes:
    """Return a JPEG 2000 file with more boxes before its codestream."""
    at = data.index(b"jp2c") - 4
    packed = b"".join(struct.pack(">I", 8 + len(body)) + kind + body for kind, body in new)
    return data[:at] + packed + data[at:]


def exif_with_thumbnail(orientation: int, thumbnail: bytes, *, order: str = ">") -> bytes:
    """Return an EXIF block made by hand: orientation, size, a maker's note, and a thumbnail."""
    inner_at, note_at, second_at, thumbnail_at = 50, 92, 100, 130
    head = (b"MM\0*" if order == ">" else b"II*\0") + struct.pack(order + "I", 8)
    first = struct.pack(order + "H", 3)
    first += struct.pack(order + "HHIHH", 0x0112, 3, 1, orientation, 0)
    first += struct.pack(order + "HHI4s", 0x010F, 2, 4, b"Me!\0")
    first += struct.pack(order + "HHII", 0x8769, 4, 1, inner_at) + struct.pack(
        order + "I", second_at
    )
    inner = struct.pack(order + "H", 3)
    inner += struct.pack(order + "HHIHH", 0xA002, 3, 1, 90, 0)
    inner += struct.pack(order + "HHII", 0xA003, 4, 1, 60)
    inner += struct.pack(order + "HHII", 0x927C, 7, 8, note_at) + bytes(4)
    second = struct.pack(order + "H", 2)
    second += struct.pack(order + "HHII", 0x0201, 4, 1, thumbnail_at)
    second += struct.pack(order + "HHII", 0x0202, 4, 1, len(thumbnail)) + bytes(4)
    block = (head + first).ljust(inner_at, b"\0") + inner
    block = block.ljust(note_at, b"\0") + b"MAKER\1\2\3" + second
    return block.ljust(thumbnail_at, b"\0") + thumbnail


def jpegs(data: bytes) -> Iterator[int]:
    """Yield where JPEG files begin in some bytes."""
    place = data.find(b"\xff\xd8\xff")
    while place >= 0:
        yield place
        place = data.find(b"\xff\xd8\xff", place + 1)
