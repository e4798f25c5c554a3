"""Pictures read at a model's size: as the exact way, and faster from large JPEG files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from edgeseal.data import photo_paths
from edgeseal.errors import ImageError
from edgeseal.pictures._read_image import read_picture
from edgeseal.pictures._small import read_small
from edgeseal.watermark.runtime import load_detector

TOLERANCE = 0.4 / 255  # root mean square, of a JPEG decoded at reduced size


def large(side: int = 1000) -> Image.Image:
    """A photograph of 4 x ``side`` by 3 x ``side`` + 5 pixels."""
    with Image.open(photo_paths()[0]) as image:
        return image.convert("RGB").resize((4 * side, 3 * side + 5), Image.Resampling.BICUBIC)


def rms(difference: NDArray[np.float32]) -> float:
    return float(np.sqrt(np.square(difference).mean()))


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK", "P", "RGBA", "LA", "I;16", "1"])
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif"])
def test_result_is_the_exact_one_when_the_file_is_small(
    photo: NDArray[np.uint8], tmp_path: Path, mode: str, suffix: str
) -> None:
    image = Image.fromarray(photo).convert("L" if mode == "I;16" else mode)
    if mode == "I;16":
        image = Image.fromarray(np.asarray(image).astype(np.uint16) * 257)
    path = tmp_path / f"photo{suffix}"
    try:
        image.save(path)
    except OSError:
        pytest.skip("the format has no such pictures")
    expected = read_picture(path).resized(64)
    np.testing.assert_allclose(read_small(path, 64), expected, rtol=0, atol=1e-6)
    with path.open("rb") as file:
        np.testing.assert_array_equal(read_small(file, 64), read_small(path, 64))
    np.testing.assert_array_equal(read_small(path.read_bytes(), 64), read_small(path, 64))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_result_is_upright_when_exif_turns_it(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    large(300).save(tmp_path / "large.jpg", exif=exif)
    expected = read_picture(tmp_path / "large.jpg").resized(64)
    exact = read_small(tmp_path / "large.jpg", 64, exact=True)
    np.testing.assert_allclose(exact, expected, rtol=0, atol=1e-6)
    assert 0 < rms(read_small(tmp_path / "large.jpg", 64) - expected) <= TOLERANCE


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_result_is_near_the_exact_one_when_a_jpeg_is_large(
    tmp_path: Path, mode: str, options: dict[str, Any]
) -> None:
    large().convert(mode).save(tmp_path / "large.jpg", quality=90, **options)
    exact = read_small(tmp_path / "large.jpg", 256, exact=True)
    assert 0 < rms(read_small(tmp_path / "large.jpg", 256) - exact) <= TOLERANCE


def test_bits_are_the_same_when_a_jpeg_is_large(pair: Any, tmp_path: Path) -> None:
    large().save(tmp_path / "large.jpg")
    fast, exact = (
        load_detector(pair.detector, exact=exact).detect(tmp_path / "large.jpg")
        for exact in (False, True)
    )
    assert 0 < np.abs(fast.logits - exact.logits).max() <= 0.02 * np.abs(exact.logits).max()


def test_file_is_refused_when_cut_short(write_photo: Callable[..., Path], tmp_path: Path) -> None:
    data = write_photo("whole.jpg").read_bytes()
    (tmp_path / "cut.jpg").write_bytes(data[: len(data) // 2])
    with pytest.raises(ImageError, match=r"cut\.jpg: cannot be decoded"):
        read_small(tmp_path / "cut.jpg", 64)
