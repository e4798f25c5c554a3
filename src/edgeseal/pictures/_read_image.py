"""Reading pictures of every kind into one form.

A picture is a path, the bytes of a file, an open file, a PIL image or a numpy array. Rotation
noted in EXIF is applied. Colours are taken as they are: grey becomes RGB, CMYK and other colour
models are converted without colour management, profiles are carried along and not applied. Of
animations and documents of several pages the first frame is read.
"""

from __future__ import annotations

import contextlib
import io
import stat
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO, Any, BinaryIO, TypeAlias, TypeGuard

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from edgeseal._extras import install_command
from edgeseal.errors import FileError, ImageError
from edgeseal.pictures._coding import read_coding
from edgeseal.pictures._decoded import Picture, copy_pixels
from edgeseal.pictures._plugins import PLUGIN_SUFFIXES, plugin_suffixes, register_plugins
from edgeseal.pictures._png16 import is_deep, read_deep
from edgeseal.pictures.metadata import read_metadata
from edgeseal.pictures.metadata._jp2 import without_many_boxes
from edgeseal.pictures.metadata._png import without_obstacles

__all__ = [
    "MAX_PIXELS",
    "ImageInput",
    "check_frames",
    "check_header",
    "decode_opened",
    "is_encoded",
    "name_of",
    "opened",
    "orientation",
    "read_image",
    "read_picture",
    "turned",
    "unreadable",
]

MAX_PIXELS = 250_000_000
"""Larger pictures are refused before they are decoded: a small file can claim any size."""

EncodedImage: TypeAlias = str | Path | bytes | BinaryIO
"""A path, the bytes of a file, or a file that is open for reading bytes and is read to its end."""

ImageInput: TypeAlias = EncodedImage | Image.Image | NDArray[Any]
"""A path, the bytes of a file, an open binary file, a PIL image, or an array [H, W], [H, W, 1],
[H, W, 3] or [H, W, 4]: uint8, uint16, bool, or floating point in 0..1."""

_ORIENTATION = 0x0112  # the EXIF tag
_VECTOR_FORMATS = ("EPS", "WMF")  # Pillow hands these to other programs
_SEVERAL_VIEWS = ("MPO", "PSD")  # with previews, a second eye's view or layers: no animation
_NAMELESS = "the picture"
_pillow_limit = threading.Lock()


def read_image(image: ImageInput, *, one_frame: bool = False) -> NDArray[np.float32]:
    """Read a picture.

    Args:
        image: a path, bytes, a file, a PIL image or an array; see :data:`ImageInput`. Transparency
            is ignored.
        one_frame: whether to refuse animations and documents of several pages.

    Returns:
        float32 [H, W, 3], RGB, 0..1.

    Raises:
        FileError: the file is missing, a folder, or cannot be opened.
        ImageError: it is no picture, cut short, larger than :data:`MAX_PIXELS`, or an array of the
            wrong shape, type or range.
    """
    return read_picture(image, one_frame=one_frame).rgb()


def read_picture(
    image: ImageInput, *, one_frame: bool = False, whole_file: bool = False
) -> Picture:
    """Read a picture in its own depth, with its transparency.

    Args:
        image: see :data:`ImageInput`.
        one_frame: whether to refuse animations and documents of several pages.
        whole_file: whether to read what else is in the file as well: metadata and coding.

    Raises:
        FileError, ImageError: as :func:`read_image`.
    """
    if isinstance(image, Image.Image):
        picture = _decode(image, name_of(image) or _NAMELESS, one_frame=one_frame)
        return replace(picture, metadata=read_metadata(image, None)) if whole_file else picture
    if isinstance(image, np.ndarray):
        return _from_array(image)
    if is_encoded(image):
        with opened(image) as (one, file, name):
            if not whole_file:
                return decode_opened(one, file, name, one_frame=one_frame)
            # first, as long as the pixels need no memory
            metadata, coding = read_metadata(one, file), read_coding(one, file)
            picture = decode_opened(one, file, name, one_frame=one_frame)
            return replace(picture, coding=coding, metadata=metadata)
    raise ImageError(
        f"{_NAMELESS}: expected a path, bytes, a binary file, a PIL image or a numpy array, got "
        f"{type(image).__name__}"
    )


def is_encoded(image: object) -> TypeGuard[EncodedImage]:
    """Whether a picture is a file or what is in one."""
    return isinstance(image, str | Path | bytes) or hasattr(image, "read")


def name_of(image: ImageInput) -> str | None:
    """Return the path that a picture was read from, or is to be read from, where it is known."""
    if isinstance(image, str | Path):
        return str(image)
    name = getattr(image, "filename" if isinstance(image, Image.Image) else "name", None)
    return str(name) if isinstance(name, str | Path) and str(name) else None


@contextlib.contextmanager
def opened(source: EncodedImage) -> Iterator[tuple[Image.Image, IO[bytes], str]]:
    """Open a picture, not decoded yet, for the body; yields its file and its name too.

    Raises:
        FileError: the file is missing, a folder, or cannot be opened.
        ImageError: it is no picture, or larger than :data:`MAX_PIXELS`.
    """
    path = name_of(source) or _NAMELESS
    with _open_bytes(source, path) as file:
        try:
            image = _open(file)
        except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
            raise ImageError(
                f"{path}: has more pixels than the limit of {MAX_PIXELS / 1e6:.0f} megapixels; "
                "make it smaller first"
            ) from error
        except UnidentifiedImageError as error:
            raise ImageError(
                f"{path}: not a picture in a format that Pillow reads; convert it to PNG or JPEG"
                + _extra_for(path)
            ) from error
        except Exception as error:  # Pillow's readers raise whatever damaged headers lead them to
            raise unreadable(path, error) from error
        with image:
            yield image, file, path


def decode_opened(
    image: Image.Image, file: IO[bytes], name: str, *, one_frame: bool = False
) -> Picture:
    """Decode what :func:`opened` yielded.

    Raises:
        ImageError: it is damaged or cut short; or has several frames and may have one.
    """
    if is_deep(image):
        return _decode_deep(image, file, name, one_frame=one_frame)
    picture = _decode(image, name, one_frame=one_frame)
    return replace(picture, is_owned=not picture.is_grey)


def _extra_for(path: str) -> str:
    """Return how to read a file that a plug-in reads, if it is one and there is none."""
    suffix = Path(path).suffix.lower()
    is_missing = suffix in PLUGIN_SUFFIXES and suffix not in plugin_suffixes()
    return f", or read HEIC and JPEG XL with {install_command('formats')}" if is_missing else ""


def _open_bytes(image: EncodedImage, name: str) -> IO[bytes]:
    if isinstance(image, str | Path):
        return _open_file(Path(image))
    try:
        data = image if isinstance(image, bytes) else image.read()
    except (OSError, ValueError) as error:  # closed, or not open for reading
        raise FileError(f"{name}: cannot be read ({error})") from error
    if not isinstance(data, bytes):
        raise FileError(f"{name}: gives {type(data).__name__}, expected bytes; open it with 'rb'")
    if not data:
        raise ImageError(f"{name}: there are no bytes in it, or it was read to its end before")
    return io.BytesIO(data)


def _open_file(path: Path) -> IO[bytes]:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # opening a pipe would wait for ever
            kind = "a folder" if stat.S_ISDIR(status.st_mode) else "no regular file"
            raise FileError(f"{path}: is {kind}; give the path of a picture")
        if status.st_size == 0:
            raise ImageError(f"{path}: the file is empty; fetch it again")
        return path.open("rb")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise FileError(f"{path}: cannot be read ({reason})") from error


def _open(file: IO[bytes]) -> Image.Image:
    """Read the header only, under our limit of pixels instead of Pillow's.

    Pillow's limit is a module variable, lower than ours, and partly a mere warning; it is back
    before anything is decoded.
    """
    file = without_many_boxes(without_obstacles(file))
    with _pillow_limit:
        before = Image.MAX_IMAGE_PIXELS
        Image.MAX_IMAGE_PIXELS = MAX_PIXELS  # warns above, raises at twice: both are refused
        try:
            return Image.open(file)
        except UnidentifiedImageError:
            if not register_plugins():
                raise
            file.seek(0)
            return Image.open(file)
        finally:
            Image.MAX_IMAGE_PIXELS = before


def _decode(image: Image.Image, name: str, *, one_frame: bool) -> Picture:
    check_header(image, name)
    try:
        if one_frame:
            check_frames(image, name)
        image.load()
        turn = orientation(image)
        if turn != 1:
            image = ImageOps.exif_transpose(image)
        picture = _from_pil(image, name)
    except ImageError:
        raise
    except Exception as error:  # Pillow's decoders raise whatever damaged data leads them to
        raise unreadable(name, error) from error
    return replace(picture, orientation=turn)


def check_header(image: Image.Image, name: str) -> None:
    """Refuse what should not be decoded.

    Raises:
        ImageError: too many pixels, none, or a drawing.
    """
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise ImageError(
            f"{name}: {width} x {height} pixels are more than the limit of "
            f"{MAX_PIXELS / 1e6:.0f} megapixels; make it smaller first"
        )
    if width * height == 0:
        raise ImageError(f"{name}: {width} x {height} pixels: there is nothing in it")
    if image.format in _VECTOR_FORMATS:
        raise ImageError(f"{name}: {image.format} is a drawing, no picture; render it to PNG first")


def check_frames(image: Image.Image, name: str) -> None:
    """Refuse animations and documents of several pages.

    Raises:
        ImageError: it is one.
    """
    frames = int(getattr(image, "n_frames", 1))
    if frames > 1 and image.format not in _SEVERAL_VIEWS:
        raise ImageError(
            f"{name}: has {frames} frames, expected 1; save the one that is meant by itself first"
        )


def orientation(image: Image.Image) -> int:
    """Return the rotation that EXIF notes, 1 for none."""
    if image.format == "JXL" and not getattr(image, "jpeg", False):
        return 1  # of JPEG XL what the picture itself notes holds, and is applied already
    try:
        found = image.getexif().get(_ORIENTATION)
    except Exception:  # a damaged EXIF block makes no picture unreadable: go without
        return 1
    return found if isinstance(found, int) and 1 <= found <= 8 else 1


def turned(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Apply a rotation that EXIF notes to an array [H, W, C]."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def _decode_deep(image: Image.Image, file: IO[bytes], name: str, *, one_frame: bool) -> Picture:
    """Read a PNG file of 16 bits, which Pillow would read as one of 8."""
    check_header(image, name)

    def open_again() -> Image.Image:
        file.seek(0)
        return _open(file)

    try:
        if one_frame:
            check_frames(image, name)
        turn = orientation(image)
        pixels = turned(read_deep(open_again), turn)
    except ImageError:
        raise
    except Exception as error:  # as above
        raise unreadable(name, error) from error
    if pixels.shape[2] == 2:
        grey = _grey(pixels[..., 0])
        picture = Picture(name, grey, pixels[..., 1], is_grey=True)
    else:
        alpha = pixels[..., 3] if pixels.shape[2] == 4 else None
        picture = Picture(name, pixels[..., :3], alpha, is_owned=True)
    return replace(picture, orientation=turn)


def _from_pil(image: Image.Image, name: str) -> Picture:
    if image.mode.startswith("I"):
        plane = _sixteen_bits(copy_pixels(image), name)
        return Picture(name, _grey(plane), _key_alpha(plane, image), is_grey=True)
    if image.mode == "F":
        levels = copy_pixels(image)
        _check_range(levels, name)
        return Picture(name, _grey(levels), is_grey=True)
    if image.mode == "La":
        image = image.convert("LA")
    is_grey = image.mode in ("1", "L", "LA")
    if image.has_transparency_data:
        rgba = copy_pixels(image.convert("RGBA"))
        return Picture(name, rgba[..., :3], rgba[..., 3], is_grey=is_grey)
    if is_grey:
        return Picture(name, _grey(copy_pixels(image.convert("L"))), is_grey=True)
    return Picture(name, copy_pixels(image if image.mode == "RGB" else image.convert("RGB")))


def _key_alpha(plane: NDArray[np.uint16], image: Image.Image) -> NDArray[np.uint16] | None:
    """Return transparency, [H, W], where one level of grey stands for it; else None."""
    level = image.info.get("transparency")
    if not isinstance(level, int):
        return None
    alpha: NDArray[np.uint16] = np.where(plane == level, 0, 65535).astype(np.uint16)
    return alpha


def _sixteen_bits(plane: NDArray[Any], name: str) -> NDArray[np.uint16]:
    low, high = int(plane.min()), int(plane.max())
    if low < 0 or high > 65535:
        raise ImageError(
            f"{name}: expected integers in 0..65535 in a picture of one 16 or 32 bit channel, got "
            f"{low}..{high}; scale it first"
        )
    return plane.astype(np.uint16)


def _from_array(array: NDArray[Any]) -> Picture:
    name = f"the array {array.dtype} {list(array.shape)}"
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (1, 3, 4)):
        hint = (
            "; move the channels to the end" if array.ndim == 3 and array.shape[0] in (1, 3) else ""
        )
        raise ImageError(f"{name}: expected [H, W], [H, W, 1], [H, W, 3] or [H, W, 4]{hint}")
    if array.size == 0:
        raise ImageError(f"{name}: there is nothing in it")
    array = _known_type(array, name)
    if array.ndim == 2 or array.shape[2] == 1:
        return Picture(name, _grey(array.reshape(array.shape[:2])), is_grey=True)
    alpha = array[..., 3] if array.shape[2] == 4 else None
    return Picture(name, array[..., :3], alpha)


def _known_type(array: NDArray[Any], name: str) -> NDArray[Any]:
    if array.dtype == np.bool_:
        levels: NDArray[np.uint8] = array.astype(np.uint8) * np.uint8(255)
        return levels
    if array.dtype == np.uint8:
        return array
    if array.dtype.kind == "u" and array.dtype.itemsize == 2:
        return array.astype(np.uint16, copy=False)  # in the machine's byte order
    if array.dtype.kind == "f":
        _check_range(array, name)
        return array.astype(np.float32, copy=False)
    raise ImageError(f"{name}: expected uint8, uint16, bool, or floating point in 0..1")


def _check_range(array: NDArray[Any], name: str) -> None:
    if not np.isfinite(array).all():
        raise ImageError(f"{name}: has values that are not finite; expected 0..1")
    low, high = float(array.min()), float(array.max())
    if low < 0 or high > 1:
        hint = "; divide it by 255" if low >= 0 and 1 < high <= 255 else ""
        raise ImageError(f"{name}: expected values in 0..1, got {low:.6g}..{high:.6g}{hint}")


def _grey(plane: NDArray[Any]) -> NDArray[Any]:
    return np.broadcast_to(plane[..., None], (*plane.shape, 3))


def unreadable(name: str, error: Exception) -> ImageError:
    """Return what to raise for a picture that Pillow cannot decode."""
    reason = str(error) or type(error).__name__
    return ImageError(f"{name}: cannot be decoded ({reason}); it may be damaged or cut short")
