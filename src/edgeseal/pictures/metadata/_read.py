"""Reading what a picture's file holds besides pixels, by its format."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import IO, Any

from PIL import Image

from edgeseal.pictures.metadata._avif import avif_extras
from edgeseal.pictures.metadata._exif import EXIF_PREFIX
from edgeseal.pictures.metadata._gif import read_gif
from edgeseal.pictures.metadata._jp2 import read_jp2
from edgeseal.pictures.metadata._jpeg import read_jpeg
from edgeseal.pictures.metadata._jxl import with_boxes
from edgeseal.pictures.metadata._metadata import Metadata, lost_depth
from edgeseal.pictures.metadata._png import read_png
from edgeseal.pictures.metadata._tiff import read_tiff
from edgeseal.pictures.metadata._webp import read_webp

__all__ = ["read_metadata"]

_READERS: dict[str, Callable[[IO[bytes]], Metadata]] = {
    "GIF": read_gif,
    "JPEG": read_jpeg,
    "JPEG2000": read_jp2,
    "MPO": read_jpeg,
    "PNG": read_png,
    "TIFF": read_tiff,
    "WEBP": read_webp,
}
_OTHER_COLOURS = ("CMYK", "LAB")


def read_metadata(image: Image.Image, file: IO[bytes] | None) -> Metadata:
    """Read what a picture has besides pixels, and what of these is not kept.

    Args:
        image: as Pillow opened it.
        file: what it was opened from, at any place; None for a picture in memory.

    Returns:
        What could be read. Damage is noted, and makes no picture unreadable.
    """
    metadata = _read(image, file)
    colours = [f"{image.mode} colours (RGB now)"] if image.mode in _OTHER_COLOURS else []
    return metadata.without(*colours, *lost_depth(32 if image.mode == "F" else 8))


def _read(image: Image.Image, file: IO[bytes] | None) -> Metadata:
    kind = image.format or ""
    reader = None if file is None else _READERS.get(kind)
    if reader is None or file is None:
        return _of_pillow(image, file, kind)
    try:
        file.seek(0)
        return reader(file)
    except Exception as error:  # whatever damaged data lead to: the pixels may be whole
        reason = str(error) or type(error).__name__
        return replace(_of_pillow(image, None, kind), problems=(f"{kind} metadata: {reason}",))


def _of_pillow(image: Image.Image, file: IO[bytes] | None, kind: str) -> Metadata:
    """Return what Pillow itself reads."""
    info: dict[Any, Any] = dict(image.info)
    dropped: list[str] = []
    problems: list[str] = []
    if kind in ("AVIF", "HEIF") and file is not None:
        dropped = avif_extras(file)
    if len(info.get("sizes", ())) > 1:
        dropped.append("other sizes of the icon")
    if kind == "PSD":
        dropped.append("layers")
    try:
        found = image.getexif()
        exif = info.get("exif") or (found.tobytes() if found else b"")
    except Exception as error:  # as above
        exif, problems = b"", [f"EXIF: {error}"]
    dpi = info.get("dpi")
    texts = getattr(image, "text", None)
    metadata = Metadata(
        container=kind,
        exif=_bytes(exif).removeprefix(EXIF_PREFIX),
        icc_profile=_bytes(info.get("icc_profile")),
        xmp=_bytes(info.get("xmp")),
        texts=tuple((str(name), str(text)) for name, text in (texts or {}).items()),
        dpi=(float(dpi[0]), float(dpi[1])) if dpi and all(dpi) else None,
        problems=tuple(problems),
    ).without(*dropped)
    return with_boxes(metadata, file) if kind == "JXL" and file is not None else metadata


def _bytes(value: object) -> bytes:
    if isinstance(value, str):
        return value.encode()
    return bytes(value) if isinstance(value, bytes | bytearray) else b""
