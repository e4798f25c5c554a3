"""Rows of a large result a few at a time, levels, endings and what is found in folders."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from edgeseal.data import photo_paths
from edgeseal.pictures import (
    SAVE_SUFFIXES,
    _decoded,
    find_pictures,
    find_sources,
    read_image,
    resize,
)
from edgeseal.pictures._decoded import Picture, copy_pixels, strips
from edgeseal.pictures._resize import RowStretcher, resize_plane
from edgeseal.pictures._save import (
    save_picture,
    save_suffix,
    to_eight_bits,
    to_pil,
)
from edgeseal.pictures.metadata import Metadata

LOSSLESS = [one for one in SAVE_SUFFIXES if save_suffix(f"x{one}", lossless=True) == one]


@given(st.integers(1, 12), st.integers(1, 9), st.integers(1, 60), st.integers(1, 25), st.data())
@settings(max_examples=30)
def test_rows_are_those_of_the_whole_when_taken_a_few_at_a_time(
    height: int, width: int, new_height: int, new_width: int, data: st.DataObject
) -> None:
    plane = np.random.default_rng(height * 99 + width).normal(size=(height, width))
    plane = plane.astype(np.float32)
    whole = resize_plane(plane, new_height, new_width)
    stretcher = RowStretcher(plane, new_height, new_width)
    start = data.draw(st.integers(0, new_height - 1))
    stop = data.draw(st.integers(start + 1, new_height))
    rows = stretcher.rows(start, stop)
    assert rows.shape == (stop - start, new_width)
    assert np.abs(rows - whole[start:stop]).max() < 1e-5


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 40), st.integers(1, 40))
@settings(max_examples=30)
def test_constant_picture_stays_constant_when_resized(
    height: int, width: int, new_height: int, new_width: int
) -> None:
    image = np.full((height, width, 2), 0.7, np.float32)
    image[..., 1] = -3
    resized = resize(image, new_height, new_width)
    assert np.allclose(resized, image[:1, :1], atol=1e-5)


def test_resize_is_linear_when_pictures_are_added() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.random((2, 13, 17, 3)).astype(np.float32)
    mixed = resize((2 * one - other).astype(np.float32), 7, 29)
    assert np.allclose(mixed, 2 * resize(one, 7, 29) - resize(other, 7, 29), atol=1e-5)


def test_resize_mirrors_when_the_picture_does() -> None:
    image = np.random.default_rng(1).random((13, 17, 3)).astype(np.float32)
    assert np.allclose(
        resize(image[::-1, ::-1], 8, 30), resize(image, 8, 30)[::-1, ::-1], atol=1e-5
    )


def test_callers_plane_is_not_written_when_nothing_has_to_be_resized() -> None:
    image = np.random.default_rng(1).random((5, 6, 3)).astype(np.float32)
    resized = resize(image, 5, 6)
    resized[:] = 0
    assert image.any()


@given(st.integers(1, 5000), st.integers(1, 2**19))
@settings(max_examples=30)
def test_strips_cover_every_row_once_when_a_picture_is_cut(height: int, width: int) -> None:
    found = list(strips(height, width))
    assert found[0][0] == 0 and found[-1][1] == height
    assert all(one[1] == other[0] for one, other in itertools.pairwise(found))
    assert all(0 < stop - start <= max(1, 2**18 // width) for start, stop in found)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA", "I;16", "F"])
def test_pixels_are_pillows_when_copied_in_strips(
    mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:

    monkeypatch.setattr(_decoded, "_STRIP_PIXELS", 50)
    with Image.open(photo_paths()[0]) as photo:
        image = photo.resize((23, 17)).convert("RGB" if mode == "I;16" else mode)
    if mode == "I;16":
        image = Image.fromarray(np.asarray(image)[..., 0].astype(np.uint16) * 257)
    pixels = copy_pixels(image)
    assert np.array_equal(pixels, np.asarray(image))
    pixels[:] = 0  # writable, and of its own
    assert np.asarray(image).any()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_rows_are_in_the_unit_range_when_a_picture_is_of_any_depth(dtype: type) -> None:
    values = np.random.default_rng(0).random((9, 7, 3))
    peak = 1 if dtype is np.float32 else np.iinfo(dtype).max
    picture = Picture("x", (values * peak).astype(dtype))
    assert (picture.height, picture.width) == (9, 7)
    assert np.allclose(picture.rgb(2, 5), values[2:5], atol=1.01 / peak if peak > 1 else 1e-6)
    small = picture.resized(4)
    assert np.abs(small - resize(picture.rgb(), 4, 4)).max() < 1e-5


def test_channels_are_equal_when_a_grey_picture_is_resized() -> None:
    grey = np.random.default_rng(0).integers(0, 256, (9, 7, 1)).astype(np.uint8)
    small = Picture("x", np.repeat(grey, 3, axis=2), is_grey=True).resized(4)
    assert small.shape == (4, 4, 3)
    assert (small == small[..., :1]).all()


def test_levels_round_halves_to_even_when_made_eight_bits() -> None:
    unit = np.array([[[0, 0.5, 1]]], np.float32)
    assert to_eight_bits(unit).tolist() == [[[0, 128, 255]]]
    deep = np.array([0, 128, 129, 257, 65535], np.uint16).reshape(1, -1, 1)
    assert to_eight_bits(deep).ravel().tolist() == [0, 0, 1, 1, 255]
    levels = np.arange(256, dtype=np.uint16).reshape(1, -1, 1)
    assert np.array_equal(to_eight_bits(levels * 257), levels)
    assert to_eight_bits(levels.astype(np.uint8)).dtype == np.uint8


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (2, "LA"), (3, "RGB"), (4, "RGBA")])
def test_mode_follows_the_channels_when_made_an_image(channels: int, mode: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 6, channels)).astype(np.uint8)
    image = to_pil(pixels, Metadata(exif=b"exif", icc_profile=b"profile"))
    assert image.mode == mode
    assert np.array_equal(np.asarray(image).reshape(pixels.shape), pixels)
    assert (image.info["exif"], image.info["icc_profile"]) == (b"exif", b"profile")
    assert to_pil(pixels).info == {}


@pytest.mark.parametrize(
    ("kind", "is_grey", "fits"),
    [(b"RGB ", False, True), (b"GRAY", True, True), (b"RGB ", True, False),
     (b"GRAY", False, False), (b"CMYK", False, False), (b"", False, False)],
)  # fmt: skip
def test_profile_is_kept_when_it_fits_the_colours(kind: bytes, is_grey: bool, fits: bool) -> None:
    profile = bytes(16) + kind + bytes(16) + b"acsp" + bytes(100) if kind else b""
    fitting = Metadata(icc_profile=profile).fitting(is_grey=is_grey)
    assert fitting.icc_profile == (profile if fits else b"")
    assert bool(fitting.dropped) == (bool(kind) and not fits)


@pytest.mark.parametrize("suffix", LOSSLESS)
def test_picture_comes_back_when_the_format_is_lossless(suffix: str, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (11, 9, 3)).astype(np.uint8)
    save_picture(pixels, tmp_path / f"x{suffix.upper()}")
    assert np.array_equal(np.rint(255 * read_image(tmp_path / f"x{suffix.upper()}")), pixels)


@pytest.mark.parametrize("suffix", [".jpg", ".webp"])
def test_file_is_smaller_when_the_quality_is_lower(suffix: str, tmp_path: Path) -> None:
    with Image.open(photo_paths()[0]) as photo:
        pixels = np.asarray(photo.convert("RGB").resize((120, 90)))
    sizes = []
    for quality in (1, 50, 100):
        path = tmp_path / f"{quality}{suffix}"
        save_picture(pixels, path, quality=quality)
        sizes.append(path.stat().st_size)
    assert sizes == sorted(sizes) and sizes[0] < sizes[-1] / 3


@pytest.mark.parametrize("name", ["a.gif", "a.tga", "a", "a.tar.gz", ".png"])
def test_png_is_chosen_when_a_source_cannot_be_written(name: str) -> None:
    assert save_suffix(name) == ".png"


def tree(folder: Path) -> Path:
    for name in (
        "b.png", "a.JPG", ".hidden.png", "notes.txt", "sub/c.webp", "sub/deep/d.tif",
        ".git/e.png", "sub/.cache/f.png", "10.png", "9.png",
    ):  # fmt: skip
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return folder


def names(found: list[Path], folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in found]


def test_hidden_files_and_folders_are_passed_over_when_searched(tmp_path: Path) -> None:
    found = names(find_pictures(tree(tmp_path)), tmp_path)
    assert found == ["10.png", "9.png", "a.JPG", "b.png", "sub/c.webp", "sub/deep/d.tif"]
    flat = names(find_pictures(tmp_path, recursive=False), tmp_path)
    assert flat == ["10.png", "9.png", "a.JPG", "b.png"]


def test_own_endings_are_taken_when_asked_for(tmp_path: Path) -> None:
    found = find_pictures([tree(tmp_path)], suffixes=(".txt", ".tif"))
    assert names(found, tmp_path) == ["notes.txt", "sub/deep/d.tif"]


def test_linked_folders_are_searched_once_when_in_a_folder(tmp_path: Path) -> None:
    folder = tree(tmp_path / "tree")
    (tmp_path / "album").mkdir()
    (tmp_path / "album" / "link").symlink_to(folder)
    (tmp_path / "album" / "x.png").symlink_to(folder / "b.png")
    (tmp_path / "album" / "again").symlink_to(folder)
    (folder / "sub" / "up").symlink_to(tmp_path / "album")
    found = names(find_pictures(tmp_path / "album"), tmp_path)
    assert [name for name in found if name.startswith("album/link/")] == []
    assert len(found) == 7
    assert "album/again/sub/deep/d.tif" in found
    assert "album/x.png" in found


def test_sources_are_listed_once_when_named_in_several_ways(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tree(tmp_path))
    Path("list").write_text("b.png\n\nsub\nb.png\n")
    found = find_sources(["b.png", "@list", "*.png", "sub/**"])
    assert [path.as_posix() for path in found] == [
        "b.png", "sub/c.webp", "sub/deep/d.tif", "10.png", "9.png"
    ]  # fmt: skip


def test_name_that_is_no_text_stays_a_path_when_in_a_list(tmp_path: Path) -> None:
    raw = os.fsdecode(b"caf\xe9.png")
    (tmp_path / "list").write_bytes(os.fsencode(tmp_path) + b"/caf\xe9.png\r\n")
    assert find_sources([f"@{tmp_path / 'list'}"]) == [tmp_path / raw]
