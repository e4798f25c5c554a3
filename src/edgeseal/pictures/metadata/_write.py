"""Writing what belongs to a picture into its new file, by the format of that."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from typing import IO

from edgeseal.pictures.metadata._jp2 import write_jp2
from edgeseal.pictures.metadata._jpeg import write_jpeg
from edgeseal.pictures.metadata._metadata import Metadata
from edgeseal.pictures.metadata._png import write_png
from edgeseal.pictures.metadata._tiff import write_tiff
from edgeseal.pictures.metadata._webp import write_webp

__all__ = ["missing_in", "write_metadata"]

_WRITERS: dict[str, Callable[[IO[bytes], IO[bytes], Metadata], list[str]]] = {
    "JPEG": write_jpeg,
    "JPEG2000": write_jp2,
    "PNG": write_png,
    "TIFF": write_tiff,
    "WEBP": write_webp,
}
# what each format can hold of what others have
_HOLDS = {
    "AVIF": {"exif", "icc_profile", "xmp"},
    "BMP": {"dpi"},
    "JPEG": {"exif", "icc_profile", "xmp", "photoshop", "comments", "dpi"},
    "JPEG2000": {"exif", "icc_profile", "xmp", "dpi"},
    "PNG": {"exif", "icc_profile", "xmp", "photoshop", "comments", "texts", "dpi"},
    "TIFF": {"exif", "icc_profile", "xmp", "photoshop", "comments", "dpi"},
    "WEBP": {"exif", "icc_profile", "xmp"},
}
_HELD = ("JFIF header", "chunk pHYs", "IPTC tag")  # as dots per inch, and as IPTC
_NAMES = {
    "exif": "EXIF",
    "icc_profile": "colour profile",
    "xmp": "XMP",
    "photoshop": "IPTC",
    "comments": "comment",
    "dpi": "dots per inch",
}


def write_metadata(
    encoded: IO[bytes], target: IO[bytes], kind: str, metadata: Metadata
) -> list[str]:
    """Copy a file with what belongs to it.

    Args:
        encoded: the file as the encoder left it.
        target: where to write it.
        kind: Pillow's name of the format.
        metadata: what belongs to it; made true of it already.

    Returns:
        The names of what does not fit into the format.
    """
    missing = missing_in(kind, metadata)
    writer = _WRITERS.get(kind)
    if writer is None:
        encoded.seek(0)
        shutil.copyfileobj(encoded, target)
        return missing
    return missing + writer(encoded, target, metadata)


def missing_in(kind: str, metadata: Metadata) -> list[str]:
    """Return the names of what a format cannot hold."""
    same = "JPEG" if metadata.container == "MPO" else metadata.container
    found = [
        name
        for field, name in _NAMES.items()
        if field not in _HOLDS[kind] and getattr(metadata, field) and same != kind
    ]
    return found if same == kind else found + list(_own(metadata, kind))


def _own(metadata: Metadata, kind: str) -> Iterator[str]:
    """Yield the names of what only the old format can hold."""
    texts = [f"text {name}" for name, _ in metadata.texts]
    names = dict.fromkeys([*texts, *(block.name for block in metadata.blocks)])
    for name in names:
        if name not in _HELD and ("texts" not in _HOLDS[kind] or name not in texts):
            yield name
    if metadata.tail:
        yield "further pictures"
