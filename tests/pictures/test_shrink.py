"""Pictures at a model's size equal PyTorch's antialiased resize of the same floats."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from edgeseal.pictures._shrink import shrink_pixels

SHAPES = [(300, 411), (64, 64), (1000, 37), (20, 33), (1, 1), (2, 900), (65, 63)]
TOLERANCE = 2e-6  # of the largest value


def by_torch(pixels: NDArray[Any], size: int) -> NDArray[np.float64]:
    torch = pytest.importorskip("torch")
    picture = torch.from_numpy(pixels.astype(np.float64)).permute(2, 0, 1)[None]
    small = torch.nn.functional.interpolate(
        picture, (size, size), mode="bilinear", align_corners=False, antialias=True
    )
    result: NDArray[np.float64] = small[0].permute(1, 2, 0).numpy()
    return result


def noise(shape: tuple[int, ...], dtype: type) -> NDArray[Any]:
    random = np.random.default_rng(0)
    if dtype is np.float32:
        return random.random(shape, np.float32)
    return random.integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("channels", [1, 3])
def test_result_equals_torch_when_shapes_and_types_vary(
    dtype: type, shape: tuple[int, int], channels: int
) -> None:
    pixels = noise((*shape, channels), dtype)
    small = shrink_pixels(pixels, 64)
    assert small.shape == (64, 64, channels)
    assert small.dtype == np.float32
    expected = by_torch(pixels, 64)
    np.testing.assert_allclose(small, expected, rtol=0, atol=TOLERANCE * float(pixels.max()))


def test_result_is_the_picture_when_it_has_that_size() -> None:
    pixels = noise((64, 64, 3), np.uint8)
    np.testing.assert_array_equal(shrink_pixels(pixels, 64), pixels.astype(np.float32))


def test_result_is_the_same_when_pixels_are_part_of_wider_ones() -> None:
    wide = noise((150, 211, 4), np.uint8)
    expected = shrink_pixels(np.ascontiguousarray(wide[..., :3]), 64)
    np.testing.assert_array_equal(shrink_pixels(wide[..., :3], 64), expected)


def test_result_equals_pillow_when_a_picture_ends_within_a_pixel() -> None:
    pixels = noise((301, 211, 1), np.uint8)
    box = (0.0, 0.0, 210.375, 300.5)
    plane = Image.fromarray(pixels[..., 0].astype(np.float32))
    expected = np.asarray(plane.resize((64, 64), Image.Resampling.BILINEAR, box=box))
    small = shrink_pixels(pixels, 64, box=box)[..., 0]
    np.testing.assert_allclose(small, expected, rtol=0, atol=TOLERANCE * 255)
    assert np.abs(small - shrink_pixels(pixels, 64)[..., 0]).max() > 1
