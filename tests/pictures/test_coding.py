"""Marked files are compressed as their sources are, and no coarser than what keeps a mark."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from edgeseal.errors import UsageError
from edgeseal.pictures._coding import Coding, read_coding
from edgeseal.pictures._save import save_suffix
from edgeseal.watermark.runtime import LiteRTEmbedder, Message, load_embedder

MESSAGE = Message.random(24, seed=2)


@pytest.fixture(scope="module")
def embedder(pair: Any) -> LiteRTEmbedder:
    return load_embedder(pair.embedder)


def whole(photo: NDArray[np.uint8], kind: str, **options: Any) -> bytes:
    data = io.BytesIO()
    Image.fromarray(photo).save(data, kind, **options)
    return data.getvalue()


def coding_of(data: bytes) -> Coding:
    file = io.BytesIO(data)
    with Image.open(file) as image:
        return read_coding(image, file)


@pytest.mark.parametrize("quality", [30, 98])
@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
@pytest.mark.parametrize("progressive", [False, True])
def test_jpeg_is_as_it_was_and_no_coarser_than_what_keeps_a_mark(
    embedder: LiteRTEmbedder,
    photo: NDArray[np.uint8],
    tmp_path: Path,
    quality: int,
    subsampling: str,
    progressive: bool,
) -> None:
    data = whole(photo, "JPEG", quality=quality, subsampling=subsampling, progressive=progressive)
    marked = embedder.embed(data, MESSAGE)
    for way in ("auto", "keep"):
        marked.save(tmp_path / f"{way}.jpg", quality=way)  # type: ignore[arg-type]
    before = coding_of(data)
    auto, keep = (coding_of((tmp_path / f"{way}.jpg").read_bytes()) for way in ("auto", "keep"))
    assert keep == before
    limit = coding_of(whole(photo, "JPEG", quality=95)).tables
    finer = tuple(tuple(map(min, *pair)) for pair in zip(before.tables, limit, strict=True))
    assert auto.tables == finer
    assert (auto.tables == before.tables) == (quality == 98)
    assert (auto.sampling, auto.is_progressive) == (before.sampling, progressive)
    assert before.sampling == {"4:4:4": 0, "4:2:2": 1, "4:2:0": 2}[subsampling]


@pytest.mark.parametrize("lossless", [True, False])
@pytest.mark.parametrize("profile", [b"", bytes(200)])
def test_webp_is_lossless_when_it_was(
    photo: NDArray[np.uint8],
    embedder: LiteRTEmbedder,
    tmp_path: Path,
    lossless: bool,
    profile: bytes,
) -> None:
    data = whole(photo, "WEBP", lossless=lossless, icc_profile=profile)
    assert coding_of(data).is_lossy == (not lossless)
    marked = embedder.embed(data, MESSAGE)
    saved = marked.save(tmp_path / "x.webp")
    assert saved.is_exact == lossless
    assert coding_of((tmp_path / "x.webp").read_bytes()).is_lossy == (not lossless)
    assert marked.save(tmp_path / "y.webp", lossless=True).is_exact
    with Image.open(tmp_path / "y.webp") as image:
        np.testing.assert_array_equal(np.asarray(image), marked.pixels)


def test_tiff_is_jpeg_when_it_was(
    photo: NDArray[np.uint8], embedder: LiteRTEmbedder, tmp_path: Path
) -> None:
    marked = embedder.embed(whole(photo, "TIFF", compression="jpeg", quality=80), MESSAGE)
    assert not marked.save(tmp_path / "x.tif").is_exact
    assert marked.save(tmp_path / "y.tif", lossless=True).is_exact
    with Image.open(tmp_path / "x.tif") as image:
        assert image.info["compression"] == "jpeg"
        difference = np.asarray(image, float) - marked.pixels
    assert np.abs(difference).mean() < 2
    with Image.open(tmp_path / "y.tif") as image:
        np.testing.assert_array_equal(np.asarray(image), marked.pixels)


def test_jpeg_is_refused_when_nothing_may_be_lost(
    photo: NDArray[np.uint8], embedder: LiteRTEmbedder, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=r"JPEG always loses something; save it as \.png"):
        embedder.embed(photo, MESSAGE).save(tmp_path / "x.jpg", lossless=True)
    assert list(tmp_path.iterdir()) == []
    assert save_suffix("x.jpg", lossless=True) == ".png"
    assert save_suffix("x.webp", lossless=True) == ".webp"
