"""The attenuation maps equal upstream's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from edgeseal.data import photo_paths
from edgeseal.errors import ModelError
from edgeseal.pictures import read_image
from edgeseal.watermark.runtime import load_embedder
from edgeseal.watermark.runtime._attenuation_map import HALO, find_attenuation
from upstream import is_decided, upstream_jnd

NAMES = ["jnd_1_1", "jnd_1_3", "jnd_1_3_blue", "jnd_3_1", "jnd_3_3"]

Float = NDArray[np.float32]


def upstream_map(name: str, rgb: Float) -> Float:
    picture = torch.from_numpy(rgb).permute(2, 0, 1)[None]
    expected: Float = upstream_jnd(name).heatmaps(picture)[0].permute(1, 2, 0).numpy()
    return expected[..., :1] if name == "jnd_1_3" else expected  # three times the same


def our_map(name: str, rgb: Float) -> Float:
    attenuation = find_attenuation(name)
    assert attenuation is not None
    return attenuation.rows(rgb)


@pytest.mark.parametrize("name", NAMES)
def test_map_equals_upstream_when_the_picture_is_a_photograph(name: str) -> None:
    for path in photo_paths()[:3]:
        rgb = read_image(path)
        decided = is_decided(upstream_jnd(name), rgb)
        assert decided.mean() > 0.999
        difference = np.abs(our_map(name, rgb) - upstream_map(name, rgb))[decided]
        assert difference.max() <= 1e-6
        assert upstream_map(name, rgb).std() > 1e-3


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (2, 3), (7, 1), (33, 20)])
def test_map_equals_upstream_when_the_picture_is_small(name: str, size: tuple[int, int]) -> None:
    rgb = np.random.default_rng(0).random((*size, 3), dtype=np.float32)
    np.testing.assert_allclose(our_map(name, rgb), upstream_map(name, rgb), rtol=0, atol=1e-6)


@pytest.mark.parametrize("shade", [0, 1, 126, 127, 128, 254, 255])
def test_map_equals_upstream_when_the_picture_is_flat(shade: int) -> None:
    rgb = np.full((12, 15, 3), shade / 255, np.float32)
    expected = upstream_map("jnd_1_1", rgb)
    np.testing.assert_allclose(our_map("jnd_1_1", rgb), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("height", [1, 2, 5])
def test_map_is_the_same_when_computed_in_strips(name: str, height: int) -> None:
    rgb = np.random.default_rng(1).random((23, 17, 3), dtype=np.float32)
    attenuation = find_attenuation(name)
    assert attenuation is not None
    strips = []
    for start in range(0, len(rgb), height):
        stop = min(start + height, len(rgb))
        first, last = max(start - HALO, 0), min(stop + HALO, len(rgb))
        strips.append(attenuation.rows(rgb[first:last], start - first, last - stop))
    np.testing.assert_array_equal(np.concatenate(strips), attenuation.rows(rgb))


def test_embedder_is_refused_when_its_map_is_unknown(write_embedder: Callable[..., Path]) -> None:
    with pytest.raises(ModelError, match=r"changed_embedder\.tflite: tiny .*'jnd_9_9'.*jnd_1_1"):
        load_embedder(write_embedder(attenuation="jnd_9_9"))
