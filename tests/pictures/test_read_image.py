"""Pictures of every kind arrive as float32 RGB, and bad ones with a clear error."""

from __future__ import annotations

import io
import os
import struct
import threading
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from edgeseal.errors import FileError, ImageError
from edgeseal.pictures import _read_image, read_image
from edgeseal.pictures._png16 import write_deep


def unit(array: NDArray[Any], peak: int = 255) -> NDArray[np.float32]:
    return array.astype(np.float32) / np.float32(peak)


def assert_close(image: Any, expected: NDArray[Any], tolerance: float = 1e-7) -> None:
    result = read_image(image)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, expected, rtol=0, atol=tolerance)


def huge_png(width: int, height: int) -> bytes:
    """Return a PNG that claims a size and has next to no data."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + data


# --- what is read ---------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".ppm", ".webp"])
def test_pixels_are_exact_when_file_is_lossless(
    photo: NDArray[np.uint8], write_photo: Callable[..., Path], suffix: str
) -> None:
    options = {"lossless": True} if suffix == ".webp" else {}
    path = write_photo(f"photo{suffix}", **options)
    assert_close(path, unit(photo))
    assert_close(str(path), unit(photo))


def test_pixels_are_those_of_the_file_when_given_bytes_or_an_open_file(
    photo: NDArray[np.uint8], write_photo: Callable[..., Path], tmp_path: Path
) -> None:
    path = write_photo("photo.png")
    data = path.read_bytes()
    assert_close(data, unit(photo))
    assert_close(io.BytesIO(data), unit(photo))
    with path.open("rb") as file:
        assert_close(file, unit(photo))
        assert not file.closed
    deep = np.linspace(0, 65535, 105, dtype=np.uint16).reshape(5, 7, 3)
    with (tmp_path / "deep.png").open("wb") as file:
        write_deep(file, deep)
    assert_close((tmp_path / "deep.png").read_bytes(), unit(deep, 65535))


def test_bytes_are_refused_when_they_are_no_picture(
    write_photo: Callable[..., Path], tmp_path: Path
) -> None:
    path = write_photo("photo.png")
    with pytest.raises(ImageError, match="the picture: not a picture"):
        read_image(b"no picture at all")
    with path.open("rb") as file:
        read_image(file)
        with pytest.raises(ImageError, match=r"photo\.png: there are no bytes in it"):
            read_image(file)
    with pytest.raises(FileError, match=r"photo\.png: cannot be read \(.*closed"):
        read_image(file)
    with pytest.raises(FileError, match="expected bytes; open it with 'rb'"):
        read_image(io.StringIO("text"))  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "RGBa", "RGBX", "P", "PA", "HSV", "YCbCr", "CMYK"])
def test_colours_are_kept_when_mode_has_colour(photo: NDArray[np.uint8], mode: str) -> None:
    source = Image.fromarray(photo)
    image = source.convert("RGBA").convert(mode) if mode in ("PA", "RGBa") else source.convert(mode)
    expected = np.asarray(image.convert("RGBA" if mode != "HSV" else "RGB"))[..., :3]
    assert_close(image, unit(expected))
    coarse = 0.35 if mode in ("P", "PA") else 0.05  # palettes have few colours
    np.testing.assert_allclose(read_image(image), unit(photo), rtol=0, atol=coarse)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "La"])
def test_grey_fills_all_channels_when_mode_is_grey(photo: NDArray[np.uint8], mode: str) -> None:
    grey = Image.fromarray(photo).convert("L")
    image = grey.convert("LA").convert("La") if mode == "La" else grey.convert(mode)
    expected = unit(np.asarray(grey.convert("1").convert("L") if mode == "1" else grey))
    assert_close(image, np.repeat(expected[..., None], 3, axis=2))


@pytest.mark.parametrize("mode", ["I;16", "I;16B", "I"])
def test_sixteen_bits_are_kept_when_picture_has_them(mode: str) -> None:
    ramp = np.linspace(0, 65535, 35, dtype=np.uint16).reshape(5, 7)
    array = {"I;16": ramp, "I;16B": ramp.astype(">u2"), "I": ramp.astype(np.int32)}[mode]
    image = Image.frombytes(mode, (7, 5), array.tobytes())
    assert_close(image, np.repeat(unit(ramp, 65535)[..., None], 3, axis=2))


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_sixteen_bits_are_kept_when_read_from_a_file(tmp_path: Path, suffix: str) -> None:
    ramp = np.linspace(0, 65535, 35, dtype=np.uint16).reshape(5, 7)
    Image.fromarray(ramp).save(tmp_path / f"ramp{suffix}")
    assert_close(tmp_path / f"ramp{suffix}", np.repeat(unit(ramp, 65535)[..., None], 3, axis=2))


def test_values_are_kept_when_mode_is_float() -> None:
    plane = np.random.default_rng(0).random((5, 7), dtype=np.float32)
    assert_close(Image.fromarray(plane), np.repeat(plane[..., None], 3, axis=2))


@pytest.mark.parametrize(
    "source", ["palette with transparency", "grey with transparency", "colour with transparency"]
)
def test_alpha_is_separate_when_transparency_is_a_key(tmp_path: Path, source: str) -> None:
    mode = {"p": "P", "g": "L", "c": "RGB"}[source[0]]
    image = Image.new("RGB", (4, 3), (10, 10, 10))
    image.putpixel((1, 1), (200, 200, 200))
    image = image.convert(mode)
    key: Any = {"P": image.getpixel((1, 1)), "L": 200, "RGB": (200, 200, 200)}[mode]
    image.save(tmp_path / "key.png", transparency=key)
    picture = _read_image.read_picture(tmp_path / "key.png")
    assert picture.alpha is not None
    assert picture.alpha[1, 1] == 0
    assert picture.alpha[0, 0] == 255
    assert read_image(tmp_path / "key.png").shape == (3, 4, 3)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_picture_stands_upright_when_exif_notes_a_rotation(
    photo: NDArray[np.uint8], write_photo: Callable[..., Path], orientation: int
) -> None:
    undo = {
        1: photo,
        2: photo[:, ::-1],
        3: photo[::-1, ::-1],
        4: photo[::-1],
        5: photo.transpose(1, 0, 2),
        6: np.rot90(photo, -1),
        7: photo.transpose(1, 0, 2)[::-1, ::-1],
        8: np.rot90(photo),
    }
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = write_photo("rotated.png", exif=exif)
    assert_close(path, unit(undo[orientation]))
    with Image.open(path) as image:
        assert_close(image, unit(undo[orientation]))
        assert image.getexif()[0x0112] == orientation, "the caller's picture has changed"


@pytest.mark.filterwarnings("ignore:Corrupt EXIF:UserWarning")
def test_picture_is_read_when_exif_is_damaged(
    photo: NDArray[np.uint8], write_photo: Callable[..., Path]
) -> None:
    path = write_photo("odd.png", exif=b"Exif\0\0MM\0*\0\0\xff\xff nonsense")
    assert_close(path, unit(photo))


def test_first_frame_is_read_when_picture_moves(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (4, 3), (shade, 0, 0)) for shade in (255, 128)]
    frames[0].save(tmp_path / "moves.png", save_all=True, append_images=frames[1:])
    assert read_image(tmp_path / "moves.png")[0, 0].tolist() == [1, 0, 0]


ARRAYS: dict[str, tuple[Any, int]] = {
    "uint8": (np.uint8, 255),
    "uint16": (np.uint16, 65535),
    "big endian": (np.dtype(">u2"), 65535),
    "float32": (np.float32, 1),
    "float64": (np.float64, 1),
    "bool": (np.bool_, 1),
}


@pytest.mark.parametrize("channels", [None, 1, 3, 4])
@pytest.mark.parametrize("kind", ARRAYS)
def test_values_are_scaled_when_picture_is_an_array(kind: str, channels: int | None) -> None:
    dtype, peak = ARRAYS[kind]
    shape = (5, 7) if channels is None else (5, 7, channels)
    values = np.random.default_rng(0).random(shape)
    array = (values > 0.5) if kind == "bool" else (values * peak).astype(dtype)
    expected = array.astype(np.float32) / np.float32(peak)
    expected = expected.reshape(5, 7, -1)[..., :3]
    before = array.copy()
    assert_close(array, np.broadcast_to(expected, (5, 7, 3)))
    np.testing.assert_array_equal(array, before)


def test_array_is_read_when_it_is_a_view(photo: NDArray[np.uint8]) -> None:
    assert_close(photo[::-2, ::3], unit(photo[::-2, ::3].copy()))


def test_larger_picture_is_read_when_within_our_limit_only(
    write_photo: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_photo("photo.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    assert read_image(path).shape == (60, 90, 3)
    assert Image.MAX_IMAGE_PIXELS == 100


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros(5), "expected \\[H, W\\]"),
        (np.zeros((5, 7, 2)), "expected \\[H, W\\]"),
        (np.zeros((1, 5, 7, 3)), "expected \\[H, W\\]"),
        (np.zeros((3, 5, 7)), "move the channels to the end"),
        (np.zeros((0, 7, 3)), "nothing in it"),
        (np.zeros((5, 7, 3), np.int64), "int64.*expected uint8"),
        (np.zeros((5, 7, 3), np.complex64), "complex64.*expected uint8"),
        (np.zeros((5, 7, 3), object), "object.*expected uint8"),
        (np.full((5, 7, 3), np.nan), "not finite"),
        (np.full((5, 7, 3), np.inf), "not finite"),
        (np.full((5, 7, 3), -0.5), r"0\.\.1, got -0\.5"),
        (np.full((5, 7, 3), 200.0), r"got 200\.\.200; divide it by 255"),
    ],
)
def test_array_is_refused_when_wrong(array: NDArray[Any], words: str) -> None:
    with pytest.raises(ImageError, match=words):
        read_image(array)


@pytest.mark.parametrize("thing", [None, 7, [[0.5]]])
def test_thing_is_refused_when_it_is_no_picture(thing: Any) -> None:
    with pytest.raises(ImageError, match=f"numpy array, got {type(thing).__name__}"):
        read_image(thing)


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (Image.new("RGB", (0, 5)), "nothing in it"),
        (Image.fromarray(np.full((2, 2), 70000, np.int32)), r"0\.\.65535.*70000"),
        (Image.fromarray(np.full((2, 2), -1, np.int32)), "0..65535"),
        (Image.fromarray(np.full((2, 2), 3, np.float32)), "divide it by 255"),
    ],
)
def test_pil_image_is_refused_when_its_values_are_unknown(image: Image.Image, words: str) -> None:
    with pytest.raises(ImageError, match=words):
        read_image(image)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".bmp", ".webp", ".gif"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.9])
def test_file_is_refused_when_cut_short(
    write_photo: Callable[..., Path], suffix: str, share: float
) -> None:
    path = write_photo(f"photo{suffix}")
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(ImageError, match=str(path)):
        read_image(path)


@pytest.mark.parametrize("content", [b"no picture at all", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"\0"])
def test_file_is_refused_when_it_is_no_picture(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "text.png"
    path.write_bytes(content)
    with pytest.raises(ImageError, match=str(path)):
        read_image(path)


def test_file_is_refused_when_empty(tmp_path: Path) -> None:
    (tmp_path / "empty.png").touch()
    with pytest.raises(ImageError, match=r"empty.png: the file is empty"):
        read_image(tmp_path / "empty.png")


def test_file_is_refused_when_it_is_a_drawing(tmp_path: Path) -> None:
    path = tmp_path / "drawing.eps"
    Image.new("RGB", (4, 4)).save(path)
    with pytest.raises(ImageError, match="EPS is a drawing"):
        read_image(path)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("missing.png", "cannot be read .No such file"),
        ("", "is a folder"),
        ("pipe", "no regular file"),
        ("n" * 300, "cannot be read"),
        ("nul\0.png", "cannot be read"),
    ],
)
def test_path_is_refused_when_there_is_no_file(tmp_path: Path, name: str, words: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FileError, match=words):
        read_image(tmp_path / name)


def test_path_is_refused_when_there_is_no_permission(
    write_photo: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_photo("locked.png")

    def deny(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", deny)  # tests may run as root, who may read everything
    with pytest.raises(FileError, match=r"locked\.png: cannot be read \(Permission denied\)"):
        read_image(path)


@pytest.mark.parametrize("side", [16_000, 23_000, 100_000])
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_bomb_is_refused_when_larger_than_the_limit(tmp_path: Path, side: int) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(huge_png(side, side))
    before = Image.MAX_IMAGE_PIXELS
    with pytest.raises(ImageError, match=r"bomb\.png.*250 megapixels"):
        read_image(path)
    assert before == Image.MAX_IMAGE_PIXELS


def test_bomb_is_refused_when_opened_by_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    with (
        Image.open(io.BytesIO(huge_png(20_000, 20_000))) as image,
        pytest.raises(ImageError, match="20000 x 20000 pixels are more than the limit"),
    ):
        read_image(image)


def test_pillows_limit_is_back_when_read_by_many_threads(write_photo: Callable[..., Path]) -> None:
    path = write_photo("photo.png")
    before = Image.MAX_IMAGE_PIXELS
    threads = [threading.Thread(target=read_image, args=(path,)) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert before == Image.MAX_IMAGE_PIXELS
