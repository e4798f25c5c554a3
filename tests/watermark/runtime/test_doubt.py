"""A mark that cannot be expected to be read is doubted."""

from __future__ import annotations

import numpy as np
import pytest

from edgeseal.watermark.runtime._doubt import doubt_of


@pytest.mark.parametrize(
    ("height", "width", "said"),
    [
        (1, 10_000, "narrow"),
        (10_000, 1, "narrow"),
        (64, 512, "narrow"),
        (128, 128, "small"),
        (16, 16, "small"),
        (128, 512, None),
        (192, 192, None),
        (3000, 4000, None),
    ],
)
def test_size_is_doubted_when_readings_end_there(height: int, width: int, said: str | None) -> None:
    pixels = np.full((height, width, 3), 100, np.uint8)
    doubt = doubt_of(pixels, 42.0, 256)
    assert (doubt is None) == (said is None)
    if said is not None and doubt is not None:
        assert f"{width} x {height} is too {said}" in doubt
        assert "192 x 128" in doubt


@pytest.mark.parametrize(("share", "is_doubted"), [(0.9, True), (0.37, False)])
@pytest.mark.parametrize("level", [0, 255])
def test_content_is_doubted_when_it_is_black_or_white(
    share: float, is_doubted: bool, level: int
) -> None:
    pixels = np.full((200, 300, 4), 100, np.uint8)
    pixels[: round(200 * share)] = level
    assert (doubt_of(pixels, 42.0, 256) is not None) == is_doubted
    pixels[..., :3] = 100
    assert doubt_of(pixels, 42.0, 256) is None, "transparency says nothing"


def test_change_is_doubted_when_there_is_hardly_any() -> None:
    pixels = np.full((200, 300, 1), 100, np.uint16)
    assert doubt_of(pixels, 42.0, 256) is None
    assert "hardly changed (60 dB)" in (doubt_of(pixels, 60.0, 256) or "")
