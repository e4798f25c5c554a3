"""Writing marked pictures without losing the mark, nor what came with the source."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edgeseal._files import check_output, replacing
from edgeseal.errors import FileError, UsageError
from edgeseal.pictures._coding import AUTO, Coding, Quality, check_quality, save_options
from edgeseal.pictures._png16 import write_deep
from edgeseal.pictures.metadata import Metadata, write_metadata
from edgeseal.pictures.metadata._metadata import lost_depth

__all__ = [
    "SAVE_SUFFIXES",
    "Saved",
    "save_picture",
    "save_suffix",
    "to_eight_bits",
    "to_pil",
]

_FORMATS = {
    ".avif": "AVIF",
    ".bmp": "BMP",
    ".dib": "BMP",
    ".jfif": "JPEG",
    ".jp2": "JPEG2000",
    ".jpe": "JPEG",
    ".jpeg": "JPEG",
    ".jpg": "JPEG",
    ".png": "PNG",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".webp": "WEBP",
}
SAVE_SUFFIXES = tuple(_FORMATS)
"""Endings, in lower case, of the files that a marked picture can be saved to."""

_OPAQUE_FORMATS = ("BMP", "JPEG")
_LOSING = ("AVIF", "JPEG")


@dataclass(frozen=True, slots=True)
class Saved:
    """What became of a picture in a file.

    Attributes:
        dropped: what the source's file has and this one has not.
        is_exact: whether the file has the very pixels.
    """

    dropped: tuple[str, ...]
    is_exact: bool


def save_suffix(path: str | Path, *, lossless: bool = False) -> str:
    """Return the ending to save a marked picture with: the source's own, else ``.png``.

    GIF, for one, has 256 colours, which leave nothing of a watermark.

    Args:
        path: the source.
        lossless: whether nothing may be lost.
    """
    suffix = Path(path).suffix
    kind = _FORMATS.get(suffix.lower())
    return ".png" if kind is None or (lossless and kind in _LOSING) else suffix


def save_picture(
    pixels: NDArray[Any],
    path: Path,
    *,
    metadata: Metadata | None = None,
    coding: Coding | None = None,
    overwrite: bool = False,
    quality: Quality = AUTO,
    lossless: bool = False,
) -> Saved:
    """Save in the format that the ending names, with what belongs to the picture.

    Args:
        pixels: uint8 or uint16 [H, W, C] with 1, 2, 3 or 4 channels; an even number of them ends
            with transparency. PNG keeps 16 bits, TIFF those of one channel.
        path: the file to write.
        metadata: what else goes into the file.
        coding: how the source was compressed; PNG, TIFF, WebP, BMP and JPEG 2000 lose nothing
            where it lost nothing.
        overwrite: whether to replace an existing file.
        quality: for formats that lose something.
        lossless: whether nothing may be lost.

    Raises:
        UsageError: the ending names no format that can be written, or one that loses something
            where nothing may be lost; or the quality is none.
        OutputExistsError: the file exists and ``overwrite`` is False.
        FileError: it cannot be written, or the format cannot hold the picture.
    """
    kind = _kind(path)
    check_quality(quality)
    check_output(path, overwrite=overwrite)
    metadata = Metadata() if metadata is None else metadata
    if pixels.shape[2] % 2 == 0 and kind in _OPAQUE_FORMATS:
        raise FileError(
            f"{path}: {kind} cannot keep this picture's transparency; save it as .png or .webp"
        )
    keeps_depth = kind == "PNG" or (kind == "TIFF" and pixels.shape[2] == 1)
    is_deep = pixels.dtype == np.uint16 and keeps_depth
    options, is_losing = save_options(
        kind,
        coding or Coding(),
        quality,
        lossless=lossless,
        is_plain=not is_deep and pixels.shape[2] in (1, 3),
    )
    with (
        replacing(path, overwrite=overwrite) as temporary,
        tempfile.TemporaryFile(dir=path.parent) as encoded,
        temporary.open("wb") as target,
    ):
        try:
            _encode(encoded, pixels, kind, is_deep, options | _given(kind, metadata))
            missing = write_metadata(encoded, target, kind, metadata)
        except (ValueError, TypeError, RuntimeError, SystemError) as error:  # encoders: too large
            raise FileError(f"{path}: cannot be written as {kind} ({error})") from error
    is_whole = is_deep or pixels.dtype == np.uint8
    missing += () if is_whole else lost_depth(16)
    return Saved(metadata.without(*missing).dropped, not is_losing and is_whole)


def _kind(path: Path) -> str:
    kind = _FORMATS.get(path.suffix.lower())
    if kind is None:
        raise UsageError(
            f"{path}: cannot write {path.suffix or 'a file without an ending'}; choose one of "
            f"{', '.join(SAVE_SUFFIXES)}"
        )
    return kind


def _encode(
    file: IO[bytes], pixels: NDArray[Any], kind: str, is_deep: bool, options: dict[str, Any]
) -> None:
    """Write the pixels, with nothing else unless the format's writer needs it."""
    if is_deep and kind == "PNG":
        write_deep(file, pixels)
        return
    image = _deep_grey(pixels) if is_deep else to_pil(pixels)
    image.save(file, kind, **options)


def _given(kind: str, metadata: Metadata) -> dict[str, Any]:
    """Return what Pillow writes itself, of formats whose files are not put together here."""
    if kind == "BMP":
        return {"dpi": metadata.dpi} if metadata.dpi else {}
    if kind != "AVIF":
        return {}
    given = {"exif": metadata.exif, "icc_profile": metadata.icc_profile, "xmp": metadata.xmp}
    return {name: data for name, data in given.items() if data}


def to_pil(pixels: NDArray[Any], metadata: Metadata | None = None) -> Image.Image:
    """Return L, LA, RGB or RGBA of 8 bits for uint8 or uint16 [H, W, C]."""
    levels = to_eight_bits(pixels)
    image = Image.fromarray(levels[..., 0] if levels.shape[2] == 1 else levels)
    if metadata is not None:
        info = {name: getattr(metadata, name) for name in ("exif", "icc_profile", "xmp", "dpi")}
        image.info |= {name: value for name, value in info.items() if value}
    return image


def to_eight_bits(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Return uint8 for uint8, uint16 or floating point in 0..1, rounded halves to even."""
    if values.dtype == np.uint8:
        return np.ascontiguousarray(values)
    peak = np.float32(1 if values.dtype.kind == "f" else np.iinfo(values.dtype).max)
    scaled: NDArray[np.float32] = values.astype(np.float32) / peak * np.float32(255)
    return np.rint(scaled).astype(np.uint8)


def _deep_grey(pixels: NDArray[np.uint16]) -> Image.Image:
    return Image.fromarray(np.ascontiguousarray(pixels[..., 0]))
