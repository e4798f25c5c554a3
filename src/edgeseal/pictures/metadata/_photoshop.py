"""Photoshop's image resources, which hold IPTC: without thumbnails, else to the byte."""

from __future__ import annotations

import struct
from collections.abc import Iterator

__all__ = ["iptc_of", "resources_of", "true_resources"]

_THUMBNAILS = (0x0409, 0x040C)
_IPTC = 0x0404


def true_resources(data: bytes) -> tuple[bytes, list[str], list[str]]:
    """Return resources without thumbnails, what was removed, and what could not be read."""
    kept, removed = bytearray(), []
    try:
        for number, block, _ in _resources(data):
            if number in _THUMBNAILS:
                removed = ["Photoshop thumbnail"]
            else:
                kept += block
    except ValueError as error:
        return data, [], [f"Photoshop resources: {error}"]
    return bytes(kept), removed, []


def iptc_of(data: bytes) -> bytes:
    """Return the IPTC records in resources, or nothing."""
    try:
        return next((value for number, _, value in _resources(data) if number == _IPTC), b"")
    except ValueError:
        return b""


def resources_of(iptc: bytes) -> bytes:
    """Return resources that hold IPTC records."""
    padding = bytes(len(iptc) % 2)
    return b"8BIM" + struct.pack(">HHI", _IPTC, 0, len(iptc)) + iptc + padding


def _resources(data: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Yield each resource: its number, the whole of it, and its value.

    Raises:
        ValueError: the data end early, or are none.
    """
    place = 0
    while place < len(data):
        if not data[place:].strip(b"\0"):
            return  # padding
        if len(data) < place + 12 or data[place : place + 1] not in (b"8", b"A", b"P", b"M", b"D"):
            raise ValueError("cut short, or none")
        number = struct.unpack_from(">H", data, place + 4)[0]
        name_bytes = data[place + 6] + 1
        at = place + 6 + name_bytes + name_bytes % 2
        if at + 4 > len(data):
            raise ValueError("cut short")
        size = struct.unpack_from(">I", data, at)[0]
        end = at + 4 + size
        if end > len(data):
            raise ValueError("cut short")
        value = data[at + 4 : end]
        end = min(end + size % 2, len(data))
        yield number, data[place:end], value
        place = end
