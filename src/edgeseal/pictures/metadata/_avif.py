"""What an AVIF or HEIC file has that Pillow cannot write (ISO/IEC 23000-22 and 14496-12)."""

from __future__ import annotations

from typing import IO

from edgeseal.pictures.metadata._boxes import C2PA_UUID, boxes
from edgeseal.pictures.metadata._metadata import lost_depth

__all__ = ["avif_extras"]

_MOST = 1 << 20
_KINDS = {
    b"tmap": "gain map",
    b"aux:hdrgainmap": "gain map",
    b"auxiliary:depth": "depth map",
    b"clli": "content light level (clli)",
    b"mdcv": "mastering display (mdcv)",
}
_SRGB_LIKE = {(1, 13), (2, 2), (1, 2), (2, 13)}


def avif_extras(file: IO[bytes]) -> list[str]:
    """Return the names of what is in a file and goes with another encoding."""
    head, is_signed = b"", False
    for kind, start, end in boxes(file, 0, file.seek(0, 2)):
        file.seek(start)
        if kind == b"meta":
            head = file.read(min(end - start, _MOST))
        elif kind == b"uuid":
            is_signed = is_signed or file.read(len(C2PA_UUID)) == C2PA_UUID
    found = list(dict.fromkeys(name for kind, name in _KINDS.items() if kind in head))
    place = head.find(b"colrnclx")
    if 0 <= place <= len(head) - 12:
        primaries = int.from_bytes(head[place + 8 : place + 10], "big")
        transfer = int.from_bytes(head[place + 10 : place + 12], "big")
        if (primaries, transfer) not in _SRGB_LIKE:
            found.append(f"colour description (nclx {primaries}/{transfer})")
    place = head.find(b"pixi")  # then version and flags, the number of channels, bits of each
    bits = head[place + 9 : place + 10] if place >= 0 else b""
    return [*found, *lost_depth(max(bits, default=8)), *["C2PA manifest"] * is_signed]
