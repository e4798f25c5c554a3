"""Writing marked pictures without losing the mark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PIL import Image

from edgeseal._files import check_output, replacing
from edgeseal.errors import FileError, UsageError

__all__ = ["SAVE_SUFFIXES", "save_picture", "save_suffix"]

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
    image: Image.Image, path: Path, *, overwrite: bool = False, quality: int | None = None
) -> None:
    """Save in the format that the ending names, with the EXIF block and profile in ``info``.

    PNG, TIFF and BMP are lossless, WebP as well unless a quality is given; JPEG is written with
    quality 95 and full colour resolution (4:4:4).

    Args:
        image: RGB or RGBA.
        path: the file to write.
        overwrite: whether to replace an existing file.
        quality: 1 to 100, for JPEG and WebP.

    Raises:
        UsageError: the ending names no format that can be written, or the quality is out of range.
        OutputExistsError: the file exists and ``overwrite`` is False.
        FileError: it cannot be written, or the format cannot hold the picture.
    """
    options = _options(image, path, quality)
    check_output(path, overwrite=overwrite)
    if image.mode == "RGBA" and options["format"] in _OPAQUE_FORMATS:
        raise FileError(
            f"{path}: {options['format']} cannot keep this picture's transparency; save it as .png "
            "or .webp"
        )
    with replacing(path, overwrite=overwrite) as temporary:
        try:
            image.save(temporary, **options)
        except (
            ValueError,
            TypeError,
            RuntimeError,
            SystemError,
        ) as error:  # encoders: too large, bad EXIF
            raise FileError(
                f"{path}: cannot be written as {options['format']} ({error})"
            ) from error


def _options(image: Image.Image, path: Path, quality: int | None) -> dict[str, Any]:
    kind = _FORMATS.get(path.suffix.lower())
    if kind is None:
        raise UsageError(
            f"{path}: cannot write {path.suffix or 'a file without an ending'}; choose one of "
            f"{', '.join(SAVE_SUFFIXES)}"
        )
    if quality is not None and not 1 <= quality <= 100:
        raise UsageError(f"quality: expected 1 to 100, got {quality}")
    options: dict[str, Any] = {"format": kind}
    options |= {key: image.info[key] for key in ("exif", "icc_profile") if image.info.get(key)}
    if kind == "JPEG":
        options |= {"quality": quality or _JPEG_QUALITY, "subsampling": "4:4:4"}
    elif kind == "WEBP":
        options |= {"lossless": True, "exact": True} if quality is None else {"quality": quality}
    elif kind == "TIFF":
        options["compression"] = "raw"  # Pillow's libtiff cannot write the inner parts of EXIF
    return options
