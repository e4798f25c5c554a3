"""What an AVIF or HEIC file has that Pillow cannot write (ISO/IEC 23000-22 and 14496-12)."""

from __future__ import annotations

from typing import IO

__all__ = ["avif_extras"]

_MOST = 1 << 20
_KINDS = {
    b"tmap": "gain map",
    b"aux:hdrgainmap": "gain map",
    b"auxiliary:depth": "depth map",
    b"clli": "content light level (clli)",
    b"mdcv": "mastering display (mdcv)",
}
_C2PA = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
_SRGB_LIKE = {(1, 13), (2, 2), (1, 2), (2, 13)}


def avif_extras(file: IO[bytes]) -> list[str]:
    """Return the names of what is in the head of a file and goes with another encoding."""
    file.seek(0)
    head = file.read(_MOST)
    end = head.find(b"mdat")
    head = head if end < 0 else head[:end]
    found = [name for kind, name in _KINDS.items() if kind in head]
    place = head.find(b"colrnclx")
    if 0 <= place <= len(head) - 12:
        primaries = int.from_bytes(head[place + 8 : place + 10], "big")
        transfer = int.from_bytes(head[place + 10 : place + 12], "big")
        if (primaries, transfer) not in _SRGB_LIKE:
            found.append(f"colour description (nclx {primaries}/{transfer})")
    file.seek(0)
    if _C2PA in file.read(_MOST):
        found.append("C2PA manifest")
    return found
