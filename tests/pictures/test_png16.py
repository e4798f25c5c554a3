"""PNG files of 16 bits keep them, on the way in and on the way out."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms

from edgeseal.errors import ImageError
from edgeseal.pictures import read_image
from edgeseal.pictures._png16 import write_deep
from edgeseal.pictures._read_image import read_picture
from edgeseal.pictures._save import save_picture
from edgeseal.pictures.metadata import Metadata, write_metadata
from edgeseal.watermark.runtime import LiteRTEmbedder, Message, load_embedder

MESSAGE = Message.random(24, seed=2)
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
# First row and column, and their steps, of the seven passes of an interlaced PNG
PASSES = [
    (0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)
]  # fmt: skip

Deep = NDArray[np.uint16]


@pytest.fixture(scope="module")
def embedder(pair: Any) -> LiteRTEmbedder:
    return load_embedder(pair.embedder)


def write(path: Path, pixels: Deep, metadata: Metadata | None = None) -> None:
    encoded = io.BytesIO()
    write_deep(encoded, pixels)
    with path.open("wb") as file:
        write_metadata(encoded, file, "PNG", metadata or Metadata())


def deep_photo(photo: NDArray[np.uint8], channels: int) -> Deep:
    """A smooth picture whose low bytes matter."""
    noise = np.random.default_rng(0).integers(0, 256, (*photo.shape[:2], 4), np.uint16)
    four = np.dstack([photo, photo[..., :1] // 2]).astype(np.uint16) * 256 + noise
    return four[..., -channels:] if channels in (1, 2) else four[..., :channels]


def png(pixels: Deep, *, interlaced: bool = False, extra: bytes = b"") -> bytes:
    """Return a PNG file without filters, made independently of what is tested."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + checksum

    height, width, channels = pixels.shape
    parts = [pixels[r::rs, c::cs] for r, c, rs, cs in PASSES] if interlaced else [pixels]
    rows = [b"\0" + row.astype(">u2").tobytes() for part in parts if part.size for row in part]
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    header = struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, int(interlaced))
    data = chunk(b"IDAT", zlib.compress(b"".join(rows)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + data + chunk(b"IEND", b"")


def whole(path: Path) -> NDArray[Any]:
    picture = read_picture(path)
    if picture.alpha is None:
        return picture.pixels
    return np.dstack([picture.pixels, picture.alpha])


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_pixels_have_16_bits_when_read(
    photo: NDArray[np.uint8], tmp_path: Path, channels: int, interlaced: bool
) -> None:
    pixels = deep_photo(photo, channels)
    (tmp_path / "deep.png").write_bytes(png(pixels, interlaced=interlaced))
    found = whole(tmp_path / "deep.png")
    assert found.dtype == np.uint16
    grey = np.dstack([pixels[..., 0]] * 3 + [pixels[..., -1]] * (channels == 2))
    np.testing.assert_array_equal(found, pixels if channels > 2 else grey)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_file_has_the_pixels_when_written(
    photo: NDArray[np.uint8], tmp_path: Path, channels: int
) -> None:
    pixels = deep_photo(photo, channels)
    write(tmp_path / "deep.png", pixels)
    with Image.open(tmp_path / "deep.png") as image, Image.open(io.BytesIO(png(pixels))) as same:
        np.testing.assert_array_equal(np.asarray(image), np.asarray(same))
    found = whole(tmp_path / "deep.png")
    np.testing.assert_array_equal(
        found[..., -1] if channels != 3 else found[..., 2],
        pixels[..., -1] if channels != 1 else pixels[..., 0],
    )


def test_every_filter_is_used_when_pictures_vary(tmp_path: Path) -> None:
    ramp = np.cumsum(np.full((40, 300), 257, np.uint16), axis=1, dtype=np.uint16)
    noise = np.random.default_rng(0).integers(0, 65536, (40, 300)).astype(np.uint16)
    rows = np.concatenate([ramp, ramp.T[:40, :1] + ramp, noise, noise.cumsum(0).astype(np.uint16)])
    pixels = np.dstack([rows, rows // 3, rows // 7])
    write(tmp_path / "deep.png", pixels)
    np.testing.assert_array_equal(whole(tmp_path / "deep.png"), pixels)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_picture_is_upright_when_exif_turns_it(
    photo: NDArray[np.uint8], tmp_path: Path, orientation: int
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    write(tmp_path / "deep.png", deep_photo(photo, 3), Metadata(exif=exif.tobytes()))
    eight = Image.fromarray((deep_photo(photo, 3) >> 8).astype(np.uint8))
    eight.save(tmp_path / "eight.png", exif=exif)
    found = (whole(tmp_path / "deep.png") >> 8).astype(np.uint8)
    np.testing.assert_array_equal(found, whole(tmp_path / "eight.png"))


def test_transparent_colour_is_alpha_when_read(photo: NDArray[np.uint8], tmp_path: Path) -> None:
    pixels = deep_photo(photo, 3)
    data = struct.pack(">HHH", *pixels[3, 4].tolist())
    extra = struct.pack(">I", 6) + b"tRNS" + data + struct.pack(">I", zlib.crc32(b"tRNS" + data))
    (tmp_path / "deep.png").write_bytes(png(pixels, extra=extra))
    alpha = read_picture(tmp_path / "deep.png").alpha
    assert alpha is not None
    assert alpha[3, 4] == 0
    assert (alpha == 65535).sum() == alpha.size - 1


def test_transparent_grey_is_alpha_when_read(tmp_path: Path) -> None:
    path = tmp_path / "key.png"
    levels = 16 * np.arange(64 * 64, dtype=np.uint16).reshape(64, 64)
    Image.fromarray(levels).save(path, transparency=160)
    picture = read_picture(path)
    assert picture.alpha is not None
    assert picture.alpha.dtype == np.uint16
    assert np.array_equal(picture.alpha == 0, levels == 160)
    assert np.array_equal(picture.pixels[..., 0], levels)


@pytest.mark.parametrize("channels", [2, 3, 4])
def test_marked_file_has_16_bits_when_the_source_has(
    embedder: LiteRTEmbedder, photo: NDArray[np.uint8], tmp_path: Path, channels: int
) -> None:
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    pixels = deep_photo(photo, channels)
    known = Metadata(exif=exif.tobytes(), icc_profile=PROFILE)
    write(tmp_path / "source.png", pixels, known)
    marked = embedder.embed(tmp_path / "source.png", MESSAGE)
    marked.save(tmp_path / "marked.png")
    found = whole(tmp_path / "marked.png")
    array = pixels if channels > 2 else np.dstack([pixels[..., :1]] * 3 + [pixels[..., 1:]])
    np.testing.assert_array_equal(found, embedder.embed_array(array, MESSAGE))
    assert len(np.unique(found[..., 0] & 255)) > 200
    with Image.open(tmp_path / "marked.png") as image:
        assert image.getexif()[0x010F] == "Maker"
        assert image.info["icc_profile"] == PROFILE


def test_grey_tiff_has_16_bits_when_saved(photo: NDArray[np.uint8], tmp_path: Path) -> None:
    pixels = deep_photo(photo, 1)
    save_picture(pixels, tmp_path / "grey.tif")
    with Image.open(tmp_path / "grey.tif") as image:
        np.testing.assert_array_equal(np.asarray(image), pixels[..., 0])


def test_file_is_refused_when_cut_short(photo: NDArray[np.uint8], tmp_path: Path) -> None:
    data = png(deep_photo(photo, 3))
    (tmp_path / "cut.png").write_bytes(data[: len(data) // 2])
    with pytest.raises(ImageError, match=r"cut\.png: cannot be decoded"):
        read_image(tmp_path / "cut.png")
