"""How pixels are compressed: as the source's were, no coarser than what keeps a mark.

The limits are measured: ``benchmarks/saving.py``, and docs/kept.md for what came of it.
"""

from __future__ import annotations

import functools
import io
from dataclasses import dataclass
from typing import IO, Any, Final, Literal, TypeAlias

from PIL import Image, JpegImagePlugin, features

from edgeseal.errors import UsageError
from edgeseal.pictures.metadata._webp import is_lossy

__all__ = ["AUTO", "KEEP", "Coding", "Quality", "check_quality", "read_coding", "save_options"]

Quality: TypeAlias = int | Literal["auto", "keep"]
"""1 to 100; ``keep``: the source's own; ``auto``: that, but no coarser than what keeps the mark."""

AUTO: Final = "auto"
KEEP: Final = "keep"
_PLAIN = 95  # of a picture that was no JPEG file
_LEAST_JPEG = 95
_WEBP = 100
_AVIF = 98
_TIFF_JPEG = 98
_TIFF_LOSSLESS = ("raw", "packbits", "tiff_lzw", "tiff_adobe_deflate", "lzma", "zstd")
_PREDICTED = ("tiff_lzw", "tiff_adobe_deflate", "zstd")
_PREDICTOR = 317


@dataclass(frozen=True, slots=True)
class Coding:
    """How the pixels of a file are compressed.

    Attributes:
        kind: Pillow's name of the format; empty for a picture without a file.
        tables: quantization tables of a JPEG file.
        sampling: Pillow's number for the colour resolution of a JPEG file; -1 if it has none.
        is_progressive: whether a JPEG file is.
        is_lossy: whether a WebP file is.
        compression: Pillow's name of a TIFF file's.
    """

    kind: str = ""
    tables: tuple[tuple[int, ...], ...] = ()
    sampling: int = -1
    is_progressive: bool = False
    is_lossy: bool = False
    compression: str = ""


def read_coding(image: Image.Image, file: IO[bytes]) -> Coding:
    """Return how an opened file is compressed."""
    if image.format in ("JPEG", "MPO"):
        found: dict[int, list[int]] = getattr(image, "quantization", None) or {}
        whole = all(len(table) == 64 for table in found.values())
        return Coding(
            "JPEG",
            tuple(tuple(found[n]) for n in sorted(found)) if whole else (),
            JpegImagePlugin.get_sampling(image),
            bool(image.info.get("progressive")),
        )
    if image.format == "WEBP":
        return Coding("WEBP", is_lossy=is_lossy(file))
    return Coding(image.format or "", compression=str(image.info.get("compression", "")))


def check_quality(quality: Quality) -> None:
    """Refuse what is no quality.

    Raises:
        UsageError: it is none.
    """
    if quality not in (AUTO, KEEP) and not (isinstance(quality, int) and 1 <= quality <= 100):
        raise UsageError(f"`quality`: expected 1 to 100, {AUTO} or {KEEP}, got {quality}")


def save_options(
    kind: str, coding: Coding, quality: Quality, *, lossless: bool, is_plain: bool
) -> tuple[dict[str, Any], bool]:
    """Return options of Pillow's ``save``, and whether they lose something.

    Args:
        kind: Pillow's name of the format.
        coding: how the source was compressed.
        quality: for formats that lose something.
        lossless: whether nothing may be lost.
        is_plain: whether the picture is an opaque one of 8 bits.

    Raises:
        UsageError: the format loses something, and may not.
    """
    if lossless and kind in ("AVIF", "JPEG"):
        raise UsageError(f"{kind} always loses something; save it as .png, or not lossless")
    if kind == "JPEG":
        return _jpeg(coding, quality), True
    if kind == "AVIF":
        level = _AVIF if isinstance(quality, str) else quality
        return {"quality": level, "subsampling": "4:4:4"}, True
    if kind == "WEBP":
        if lossless or (isinstance(quality, str) and not coding.is_lossy):
            return {"lossless": True, "exact": True}, False
        return {"quality": _WEBP if isinstance(quality, str) else quality, "exact": True}, True
    if kind == "TIFF":
        return _tiff(coding, quality, lossless=lossless or not is_plain)
    return {}, False


def _jpeg(coding: Coding, quality: Quality) -> dict[str, Any]:
    options: dict[str, Any] = {"progressive": True} if coding.is_progressive else {}
    options["subsampling"] = coding.sampling if coding.sampling >= 0 else "4:4:4"
    if not isinstance(quality, str):
        return options | {"quality": quality}
    if not coding.tables:
        return options | {"quality": _PLAIN}
    tables = coding.tables
    if quality == AUTO:
        limits = _standard_tables(_LEAST_JPEG)
        tables = tuple(
            tuple(map(min, table, limits[min(index, 1)])) for index, table in enumerate(tables)
        )
    return options | {"qtables": [list(table) for table in tables]}


def _tiff(coding: Coding, quality: Quality, *, lossless: bool) -> tuple[dict[str, Any], bool]:
    compression = coding.compression.replace("tiff_deflate", "tiff_adobe_deflate")
    if compression in ("jpeg", "tiff_jpeg") and not lossless:
        level = _TIFF_JPEG if isinstance(quality, str) else quality
        return {"compression": "jpeg", "quality": level}, True
    if not coding.compression or not features.check_codec("libtiff"):
        compression = "raw"
    elif compression not in _TIFF_LOSSLESS:
        compression = "tiff_adobe_deflate"
    more = {"tiffinfo": {_PREDICTOR: 2}} if compression in _PREDICTED else {}
    return {"compression": compression, **more}, False


@functools.cache
def _standard_tables(quality: int) -> list[list[int]]:
    """Return libjpeg's tables of a quality, in the order that Pillow has them in."""
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "JPEG", quality=quality)
    with Image.open(file) as image:
        found: dict[int, list[int]] = image.quantization
    return [found[0], found[1]]
