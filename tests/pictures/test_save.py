"""Marked pictures are written without losing the mark or what came with the source."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms

from edgeseal.errors import FileError, OutputExistsError, UsageError
from edgeseal.pictures import SAVE_SUFFIXES, save_suffix
from edgeseal.watermark.runtime import LiteRTEmbedder, Message, load_embedder

MESSAGE = Message.random(24, seed=2)
LOSSLESS = [one for one in SAVE_SUFFIXES if save_suffix(f"x{one}", lossless=True) == one]


@pytest.fixture(scope="module")
def embedder(pair: Any) -> LiteRTEmbedder:
    return load_embedder(pair.embedder)


def rotated_exif() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "Maker"
    exif.get_ifd(0x8769)[0x9003] = "2026:01:02 03:04:05"
    return exif


@pytest.mark.parametrize("suffix", [*LOSSLESS, ".PNG"])
def test_pixels_are_exact_when_saved_without_loss(
    embedder: LiteRTEmbedder, photo: NDArray[np.uint8], tmp_path: Path, suffix: str
) -> None:
    marked = embedder.embed(photo, MESSAGE)
    marked.save(tmp_path / f"marked{suffix}")
    with Image.open(tmp_path / f"marked{suffix}") as image:
        np.testing.assert_array_equal(np.asarray(image), np.asarray(marked.image))


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tif"])
def test_alpha_is_exact_when_saved(
    embedder: LiteRTEmbedder, photo: NDArray[np.uint8], tmp_path: Path, suffix: str
) -> None:
    alpha = (np.arange(60 * 90).reshape(60, 90, 1) % 256).astype(np.uint8)
    marked = embedder.embed(np.concatenate([photo, alpha], 2), MESSAGE)
    marked.save(tmp_path / f"marked{suffix}")
    with Image.open(tmp_path / f"marked{suffix}") as image:
        np.testing.assert_array_equal(np.asarray(image), np.asarray(marked.image))


def test_jpeg_has_full_colour_and_quality_95_when_nothing_is_said(
    embedder: LiteRTEmbedder, photo: NDArray[np.uint8], tmp_path: Path
) -> None:
    marked = embedder.embed(photo, MESSAGE)
    marked.save(tmp_path / "marked.jpg")
    marked.image.save(tmp_path / "same.jpg", quality=95, subsampling=0)
    marked.save(tmp_path / "small.jpg", quality=50)
    with Image.open(tmp_path / "marked.jpg") as image, Image.open(tmp_path / "same.jpg") as same:
        assert image.quantization == same.quantization  # type: ignore[attr-defined]
        assert [layer[1:3] for layer in image.layer] == [(1, 1)] * 3  # type: ignore[attr-defined]
    assert (tmp_path / "small.jpg").stat().st_size < (tmp_path / "marked.jpg").stat().st_size


@pytest.mark.parametrize("source", [".jpg", ".png", ".webp", ".tif"])
@pytest.mark.parametrize("target", [".jpg", ".png", ".webp", ".tif"])
def test_exif_and_profile_are_kept_upright_when_saved(
    embedder: LiteRTEmbedder,
    write_photo: Callable[..., Path],
    tmp_path: Path,
    source: str,
    target: str,
) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    path = write_photo(f"source{source}", exif=rotated_exif().tobytes(), icc_profile=profile)
    embedder.embed(path, MESSAGE).save(tmp_path / f"marked{target}")
    with Image.open(tmp_path / f"marked{target}") as image:
        exif = image.getexif()
        assert image.size == (60, 90)
        assert exif.get(0x0112, 1) == 1
        assert exif[0x010F] == "Maker"
        assert exif.get_ifd(0x8769)[0x9003] == "2026:01:02 03:04:05"
        assert image.info["icc_profile"] == profile
        image.load()


def test_profile_is_dropped_when_it_describes_other_colours(
    embedder: LiteRTEmbedder, photo: NDArray[np.uint8], tmp_path: Path
) -> None:
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[16:20] = b"GRAY"
    Image.fromarray(photo).convert("L").save(tmp_path / "grey.png", icc_profile=bytes(profile))
    marked = embedder.embed(tmp_path / "grey.png", MESSAGE)
    assert "icc_profile" not in marked.image.info


def test_existing_file_is_kept_when_overwriting_was_not_asked_for(
    embedder: LiteRTEmbedder, photo: NDArray[np.uint8], tmp_path: Path
) -> None:
    path = tmp_path / "there.png"
    path.write_bytes(b"mine")
    marked = embedder.embed(photo, MESSAGE)
    with pytest.raises(OutputExistsError, match="overwrite"):
        marked.save(path)
    assert path.read_bytes() == b"mine"
    marked.save(path, overwrite=True)
    assert path.read_bytes() != b"mine"


def test_transparency_is_not_lost_when_the_format_has_none(
    embedder: LiteRTEmbedder, tmp_path: Path
) -> None:
    marked = embedder.embed(Image.new("RGBA", (40, 30)), MESSAGE)
    with pytest.raises(FileError, match=r"cannot keep this picture's transparency.*\.png"):
        marked.save(tmp_path / "marked.jpg")
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_left_when_the_format_cannot_hold_the_picture(
    embedder: LiteRTEmbedder, tmp_path: Path
) -> None:
    marked = embedder.embed(np.zeros((1, 16_400), np.uint8), MESSAGE)
    with pytest.raises(FileError, match="cannot be written"):
        marked.save(tmp_path / "wide.webp")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["marked.gif", "marked", "marked.xyz"])
def test_ending_is_refused_when_it_cannot_be_written(
    embedder: LiteRTEmbedder, photo: NDArray[np.uint8], tmp_path: Path, name: str
) -> None:
    with pytest.raises(UsageError, match=r"choose one of .*\.png"):
        embedder.embed(photo, MESSAGE).save(tmp_path / name)


@pytest.mark.parametrize("quality", [0, 101])
def test_quality_is_refused_when_out_of_range(
    embedder: LiteRTEmbedder, photo: NDArray[np.uint8], tmp_path: Path, quality: int
) -> None:
    with pytest.raises(UsageError, match="`quality`: expected 1 to 100, auto or keep"):
        embedder.embed(photo, MESSAGE).save(tmp_path / "marked.jpg", quality=quality)


@pytest.mark.parametrize(
    ("source", "suffix"),
    [("a.JPG", ".JPG"), ("a.tiff", ".tiff"), ("a.gif", ".png"), ("a", ".png"), ("a.heic", ".png")],
)
def test_ending_is_kept_when_it_can_hold_a_mark(source: str, suffix: str) -> None:
    assert save_suffix(source) == suffix
