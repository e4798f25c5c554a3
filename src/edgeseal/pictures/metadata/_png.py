"""Chunks of PNG files (W3C PNG, third edition, chapters 5 and 11)."""

from __future__ import annotations

import io
import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import replace
from typing import IO

from edgeseal.pictures.metadata._exif import EXIF_PREFIX
from edgeseal.pictures.metadata._metadata import Metadata, Piece
from edgeseal.pictures.metadata._photoshop import resources_of

__all__ = ["read_png", "without_obstacles", "write_chunk", "write_png"]

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CODING = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"iDOT")
_ANIMATION = (b"acTL", b"fcTL", b"fdAT")
_LEAST_BYTES = {b"cHRM": 32, b"gAMA": 4, b"pHYs": 9, b"sRGB": 1}
_UNTRUE = {  # what was true of the old pixels, and pictures beside them
    b"caBX": "C2PA manifest",
    b"hIST": "histogram (hIST)",
    b"sBIT": "significant bits (sBIT)",
    **dict.fromkeys(_ANIMATION, "animation"),
}
_COLOUR = (b"cICP", b"iCCP", b"sRGB", b"gAMA", b"cHRM", b"mDCV", b"cLLI")
# which are not "safe to copy", but true of every picture of these colours
_SAFE = (*_COLOUR, b"bKGD", b"eXIf")
_XMP = b"XML:com.adobe.xmp"
_RAW = re.compile(rb"Raw profile type (exif|APP1|xmp|iptc|8bim)\Z")
_PILLOWS_MOST = 1 << 20  # bytes of a text
_MOST = 1 << 26  # bytes of what is unpacked
_INCH = 0.0254
_BLOCK_BYTES = 1 << 20


def read_png(file: IO[bytes]) -> Metadata:
    """Read the chunks of a file."""
    metadata = Metadata(container="PNG")
    blocks: list[Piece] = []
    dropped: list[str] = []
    depth, colour_type, palette = 8, 2, b""
    kind = b""
    damaged: list[bytes] = []
    for kind, data in _chunks(file, damaged):
        if kind == b"IHDR" and len(data) >= 10:
            depth, colour_type = data[8], data[9]
        elif kind == b"PLTE":
            palette = data
        elif kind == b"eXIf":
            metadata = replace(metadata, exif=data.removeprefix(EXIF_PREFIX))
        elif kind == b"iCCP":
            profile = _unpacked(data.partition(b"\0")[2][1:])
            metadata = replace(metadata, icc_profile=profile)
            dropped += [] if profile else ["colour profile (damaged)"]
        elif kind in _UNTRUE:
            dropped.append(_UNTRUE[kind])
        elif kind in (b"tEXt", b"zTXt", b"iTXt"):
            metadata = _with_text(metadata, kind, data, blocks, dropped)
        elif kind == b"bKGD":
            background = _background(data, depth, colour_type, palette)
            blocks.append(Piece(kind, background, "chunk bKGD"))
        elif kind not in _CODING:
            name = f"chunk {kind.decode('latin-1')}"
            if kind in _SAFE or kind[3:].islower():
                blocks.append(Piece(kind, data, name))
            else:  # its author says that it does not outlive a change of pixels
                dropped.append(name)
            if kind == b"pHYs":
                metadata = replace(metadata, dpi=_dpi(data))
    names = [f"chunk {one.decode('latin-1')}" for one in damaged]
    cut = [] if kind == b"IEND" else ["PNG chunks: cut short"]
    problems = (*metadata.problems, *(f"{name}: damaged" for name in names), *cut)
    metadata = replace(metadata, blocks=tuple(blocks), problems=problems)
    return metadata.without(*dropped, *(f"{name} (damaged)" for name in names))


def _dpi(data: bytes) -> tuple[float, float] | None:
    """Return dots per inch across and down, where a pHYs chunk says them."""
    if len(data) != 9 or data[8] != 1:
        return None
    across, down = struct.unpack_from(">II", data)
    return across * _INCH, down * _INCH


def write_png(encoded: IO[bytes], target: IO[bytes], metadata: Metadata) -> list[str]:
    """Copy a file with what belongs to it."""
    encoded.seek(len(_SIGNATURE))
    target.write(_SIGNATURE)
    while len(head := encoded.read(8)) == 8:
        size, kind = struct.unpack(">I4s", head)
        if kind not in _CODING:
            encoded.seek(size + 4, 1)
            continue
        target.write(head)
        if kind != b"IHDR":
            _copy(encoded, target, size + 4)
            continue
        header = encoded.read(size + 4)
        target.write(header)
        for own, data in _new_chunks(metadata, is_grey=header[9] in (0, 4)):
            write_chunk(target, own, data)
    return []


def without_obstacles(file: IO[bytes]) -> IO[bytes]:
    """Return a PNG file without the chunks that Pillow refuses; else the same file.

    These are texts of a size, which :func:`read_png` reads all the same, and damaged ones that
    pixels do not need.
    """
    if file.read(8) != _SIGNATURE:
        file.seek(0)
        return file
    places = list(_obstacles(file))
    file.seek(0)
    if not places:
        return file
    rest, start = io.BytesIO(), 0
    for place in places:
        file.seek(start)
        rest.write(file.read(place - start))
        file.seek(place)
        start = place + 12 + int.from_bytes(file.read(4), "big")
    file.seek(start)
    rest.write(file.read())
    rest.seek(0)
    return rest


def write_chunk(file: IO[bytes], kind: bytes, data: bytes) -> None:
    """Write a chunk."""
    file.write(struct.pack(">I", len(data)) + kind)
    file.write(data)
    file.write(struct.pack(">I", zlib.crc32(data, zlib.crc32(kind))))


def _new_chunks(metadata: Metadata, *, is_grey: bool) -> Iterator[tuple[bytes, bytes]]:
    is_own = metadata.container == "PNG"
    own = metadata.blocks if is_own else ()
    if metadata.icc_profile:
        yield b"iCCP", b"ICC Profile\0\0" + zlib.compress(metadata.icc_profile)
    if metadata.exif:
        yield b"eXIf", metadata.exif
    if metadata.dpi is not None:
        across, down = (round(one / _INCH) for one in metadata.dpi)
        yield b"pHYs", struct.pack(">IIB", across, down, 1)
    for block in own:
        if block.kind == b"bKGD" and len(block.data) == 2 and not is_grey:
            yield block.kind, 3 * block.data
        elif block.kind != b"pHYs" or metadata.dpi is None:
            yield block.kind, block.data
    if metadata.xmp:
        yield b"iTXt", _XMP + bytes(5) + metadata.xmp
    if metadata.photoshop:
        yield b"zTXt", _raw_profile(b"iptc", metadata.photoshop)  # of this name, exiv2 reads it
    for comment in metadata.comments:
        yield b"tEXt", b"Comment\0" + comment.replace(b"\0", b"")
    for name, text in metadata.texts if not is_own else ():
        yield b"iTXt", name[:79].encode("latin-1", "replace") + bytes(5) + text.encode()


def _with_text(
    metadata: Metadata, kind: bytes, data: bytes, blocks: list[Piece], dropped: list[str]
) -> Metadata:
    """Take a text: XMP and EXIF for themselves, a digest not at all, everything else as it is."""
    name, _, rest = data.partition(b"\0")
    called = name.decode("latin-1")
    if name == _XMP and kind == b"iTXt" and not metadata.xmp:
        packed, text = rest[:1], rest[2:].split(b"\0", 2)[-1]
        xmp = _unpacked(text) if packed == b"\1" else text
        if 0 < len(xmp) < _MOST:
            return replace(metadata, xmp=xmp)
        problem = "XMP: cannot be unpacked, or is too long"
        metadata = replace(metadata, problems=(*metadata.problems, problem))
    raw = _RAW.match(name)
    if raw is not None:
        value = _from_raw(_unpacked(rest[1:]) if kind == b"zTXt" else rest)
        if raw[1] in (b"exif", b"APP1") and value.startswith(EXIF_PREFIX) and not metadata.exif:
            return replace(metadata, exif=value.removeprefix(EXIF_PREFIX))
        if raw[1] in (b"iptc", b"8bim") and value and not metadata.photoshop:
            is_bare = not value.startswith(b"8BIM")
            return replace(metadata, photoshop=resources_of(value) if is_bare else value)
    if name.lower() == b"signature" and re.fullmatch(rb"[0-9a-fA-F]{32,128}", rest.strip()):
        dropped.append("digest of the pixels (Signature)")
        return metadata
    blocks.append(Piece(kind, data, f"text {called}"))
    if kind != b"tEXt":
        return metadata
    return replace(metadata, texts=(*metadata.texts, (called, rest.decode("latin-1"))))


def _obstacles(file: IO[bytes]) -> Iterator[int]:
    """Yield where chunks are that Pillow refuses, from the place behind the signature on."""
    while len(head := file.read(8)) == 8:
        size, kind = struct.unpack(">I4s", head)
        place = file.tell() - 8
        if kind[:1].islower() and kind not in _ANIMATION:
            data = file.read(size)
            is_large = kind in (b"tEXt", b"zTXt", b"iTXt", b"iCCP") and _is_large(kind, data)
            if is_large or _is_damaged(kind, data, file.read(4)):
                yield place
        file.seek(place + 12 + size)


def _is_damaged(kind: bytes, data: bytes, checksum: bytes) -> bool:
    """Whether a chunk that pixels do not need is none."""
    if kind[:1].isupper() or kind in (b"tRNS", *_ANIMATION):
        return False
    is_packed_profile = data.partition(b"\0")[2][:1] == b"\0"
    return (
        zlib.crc32(data, zlib.crc32(kind)) != int.from_bytes(checksum, "big")
        or len(data) < _LEAST_BYTES.get(kind, 0)
        or (kind == b"iCCP" and not is_packed_profile)
    )


def _is_large(kind: bytes, data: bytes) -> bool:
    rest = data.partition(b"\0")[2]
    if kind == b"tEXt" or (kind == b"iTXt" and rest[:1] != b"\1"):
        return len(data) > _PILLOWS_MOST
    packed = rest[2:].split(b"\0", 2)[-1] if kind == b"iTXt" else rest[1:]
    return len(_unpacked(packed, most=_PILLOWS_MOST + 1)) > _PILLOWS_MOST


def _background(data: bytes, depth: int, colour_type: int, palette: bytes) -> bytes:
    """Return a background as three colours or one grey, of at least 8 bits, as pictures have."""
    if colour_type == 3 and data:
        return b"".join(bytes([0, one]) for one in palette[3 * data[0] : 3 * data[0] + 3])
    if depth < 8 and len(data) == 2:
        return bytes([0, data[1] * 255 // ((1 << depth) - 1) & 255])
    return data


def _raw_profile(kind: bytes, data: bytes) -> bytes:
    text = b"\n%s\n%8d\n%s\n" % (kind, len(data), data.hex().encode())
    return b"Raw profile type " + kind + b"\0\0" + zlib.compress(text)


def _from_raw(text: bytes) -> bytes:
    """Return the bytes of a profile as ImageMagick writes them: a line each, name and length."""
    digits = b"".join(text.strip().split(b"\n")[2:])
    try:
        return bytes.fromhex(digits.decode("ascii"))
    except ValueError:
        return b""


def _unpacked(data: bytes, *, most: int = _MOST) -> bytes:
    try:
        return zlib.decompressobj().decompress(data, most)
    except zlib.error:
        return b""


def _chunks(file: IO[bytes], damaged: list[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Yield the chunks, those of pixels without their bytes, up to the end; notes damaged ones."""
    file.seek(len(_SIGNATURE))
    while len(head := file.read(8)) == 8:
        size, kind = struct.unpack(">I4s", head)
        if kind in (b"IDAT", b"fdAT"):
            file.seek(size + 4, 1)
            yield kind, b""
            continue
        data = file.read(size)
        if len(data) < size:
            return
        if _is_damaged(kind, data, file.read(4)):
            damaged.append(kind)
            continue
        yield kind, data
        if kind == b"IEND":
            return


def _copy(source: IO[bytes], target: IO[bytes], size: int) -> None:
    while size > 0:
        data = source.read(min(size, _BLOCK_BYTES))
        if not data:
            return
        target.write(data)
        size -= len(data)
