"""Writing marked pictures without losing the mark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edgeseal._files import check_output, replacing
from edgeseal.errors import FileError, UsageError
from edgeseal.pictures._png16 import write_deep

__all__ = [
    "SAVE_SUFFIXES",
    "fitting_profile",
    "save_picture",
    "save_suffix",
    "to_eight_bits",
    "to_pil",
]

_FORMATS = {
    ".bmp": "BMP",
    ".jpeg": "JPEG",
    ".jpg": "JPEG",
    ".png": "PNG",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".webp": "WEBP",
}
SAVE_SUFFIXES = tuple(_FORMATS)
"""Endings, in lower case, of the files that a marked picture can be saved to."""

_JPEG_QUALITY = 95
_OPAQUE_FORMATS = ("BMP", "JPEG")


def save_suffix(path: str | Path) -> str:
    """Return the ending to save a marked picture with: the source's own, else ``.png``.

    GIF, for one, has 256 colours, which leave nothing of a watermark.
    """
    suffix = Path(path).suffix
    return suffix if suffix.lower() in _FORMATS else ".png"


def save_picture(
    pixels: NDArray[Any],
    path: Path,
    *,
    exif: bytes = b"",
    icc_profile: bytes = b"",
    overwrite: bool = False,
    quality: int | None = None,
) -> None:
    """Save in the format that the ending names, with EXIF block and profile.

    PNG, TIFF and BMP are lossless, WebP as well unless a quality is given; JPEG is written with
    quality 95 and full colour resolution (4:4:4).

    Args:
        pixels: uint8 or uint16 [H, W, C] with 1, 2, 3 or 4 channels; an even number of them ends
            with transparency. PNG keeps 16 bits, TIFF those of one channel.
        path: the file to write.
        exif: EXIF block, or empty.
        icc_profile: colour profile, or empty.
        overwrite: whether to replace an existing file.
        quality: 1 to 100, for JPEG and WebP.

    Raises:
        UsageError: the ending names no format that can be written, or the quality is out of range.
        OutputExistsError: the file exists and ``overwrite`` is False.
        FileError: it cannot be written, or the format cannot hold the picture.
    """
    options = _options(path, quality)
    kind = options["format"]
    check_output(path, overwrite=overwrite)
    if pixels.shape[2] % 2 == 0 and kind in _OPAQUE_FORMATS:
        raise FileError(
            f"{path}: {kind} cannot keep this picture's transparency; save it as .png or .webp"
        )
    with replacing(path, overwrite=overwrite) as temporary:
        if pixels.dtype == np.uint16 and kind == "PNG":
            write_deep(temporary, pixels, exif=exif, icc_profile=icc_profile)
            return
        is_deep = pixels.dtype == np.uint16 and kind == "TIFF" and pixels.shape[2] == 1
        image = _deep_grey(pixels) if is_deep else to_pil(pixels, b"", b"")
        options |= {"exif": exif} if exif else {}
        options |= {"icc_profile": icc_profile} if icc_profile else {}
        try:
            image.save(temporary, **options)
        except (
            ValueError,
            TypeError,
            RuntimeError,
            SystemError,
        ) as error:  # encoders: too large, bad EXIF
            raise FileError(f"{path}: cannot be written as {kind} ({error})") from error


def to_pil(pixels: NDArray[Any], exif: bytes, icc_profile: bytes) -> Image.Image:
    """Return L, LA, RGB or RGBA of 8 bits for uint8 or uint16 [H, W, C]."""
    levels = to_eight_bits(pixels)
    image = Image.fromarray(levels[..., 0] if levels.shape[2] == 1 else levels)
    image.info |= {"exif": exif} if exif else {}
    image.info |= {"icc_profile": icc_profile} if icc_profile else {}
    return image


def to_eight_bits(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Return uint8 for uint8, uint16 or floating point in 0..1, rounded halves to even."""
    if values.dtype == np.uint8:
        return np.ascontiguousarray(values)
    peak = np.float32(1 if values.dtype.kind == "f" else np.iinfo(values.dtype).max)
    scaled: NDArray[np.float32] = values.astype(np.float32) / peak * np.float32(255)
    return np.rint(scaled).astype(np.uint8)


def fitting_profile(profile: bytes, *, is_grey: bool) -> bytes:
    """Return a colour profile if it describes such colours, else nothing."""
    return profile if profile[16:20] == (b"GRAY" if is_grey else b"RGB ") else b""


def _deep_grey(pixels: NDArray[np.uint16]) -> Image.Image:
    return Image.fromarray(np.ascontiguousarray(pixels[..., 0]))


def _options(path: Path, quality: int | None) -> dict[str, Any]:
    kind = _FORMATS.get(path.suffix.lower())
    if kind is None:
        raise UsageError(
            f"{path}: cannot write {path.suffix or 'a file without an ending'}; choose one of "
            f"{', '.join(SAVE_SUFFIXES)}"
        )
    if quality is not None and not 1 <= quality <= 100:
        raise UsageError(f"quality: expected 1 to 100, got {quality}")
    options: dict[str, Any] = {"format": kind}
    if kind == "JPEG":
        options |= {"quality": quality or _JPEG_QUALITY, "subsampling": "4:4:4"}
    elif kind == "WEBP":
        options |= {"lossless": True, "exact": True} if quality is None else {"quality": quality}
    elif kind == "TIFF":
        options["compression"] = "raw"  # Pillow's libtiff cannot write the inner parts of EXIF
    return options
