"""Marked pictures of any size equal those of upstream's whole pipeline."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from conversions import small_card
from edgeseal.data import photo_paths
from edgeseal.pictures import read_image
from edgeseal.tflite.graph import read_model, write_model
from edgeseal.watermark.cards import Card, Part, load_card
from edgeseal.watermark.convert import convert_part
from edgeseal.watermark.models import random_weights
from edgeseal.watermark.runtime import (
    LiteRTEmbedder,
    Message,
    attach_info,
    load_embedder,
    read_info,
)
from narrow import narrow_card
from upstream import UpstreamEmbedder, is_decided, upstream_jnd, upstream_pipeline

SIZES = [(64, 64), (300, 411), (97, 640), (20, 33), (641, 40)]
BASES = {
    "0.0": small_card(),
    "1.0": narrow_card("videoseal_1.0"),
    "chunky": narrow_card("chunkyseal"),
}
CARDS: dict[str, tuple[str, dict[str, Any]]] = {
    "0.0": ("0.0", {}),
    "1.0": ("1.0", {}),
    "strong": ("1.0", {"scaling_w": 8.0, "scaling_i": 0.9}),
    "jnd_1_3_blue": ("1.0", {"attenuation": "jnd_1_3_blue", "scaling_w": 2.0}),
    "jnd_3_3": ("chunky", {"attenuation": "jnd_3_3", "scaling_w": 2.0}),
}


def pair(card: Card, folder: Path) -> tuple[LiteRTEmbedder, UpstreamEmbedder]:
    """Return an embedder in LiteRT, and upstream's with the same random weights."""
    loaded = random_weights(card, Part.EMBEDDER, 0)
    write_model(convert_part(loaded).model, folder / "embedder.tflite")
    upstream = UpstreamEmbedder(card)
    upstream.load_state_dict(loaded.module.state_dict())
    return load_embedder(folder / "embedder.tflite"), upstream


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders, each of which gets one converted embedder when it is needed."""
    return {name: tmp_path_factory.mktemp("model") for name in BASES}


@pytest.fixture(params=CARDS)
def embedders(
    request: pytest.FixtureRequest, folders: dict[str, Path]
) -> tuple[LiteRTEmbedder, UpstreamEmbedder, Card]:
    base, changes = CARDS[request.param]
    path = folders[base] / "embedder.tflite"
    if not path.exists():
        pair(BASES[base], folders[base])
    model = read_model(path)
    attach_info(model, dataclasses.replace(read_info(model), **changes))
    changed = folders[base] / f"{request.param}.tflite"
    write_model(model, changed, overwrite=True)
    card = dataclasses.replace(BASES[base], **changes)
    upstream = UpstreamEmbedder(card)
    upstream.load_state_dict(random_weights(card, Part.EMBEDDER, 0).module.state_dict())
    return load_embedder(changed), upstream, card


def upstream_marked(
    card: Card, upstream: UpstreamEmbedder, rgb: NDArray[np.float32], message: Message
) -> NDArray[np.float32]:
    picture = torch.from_numpy(rgb).permute(2, 0, 1)[None]
    bits = torch.tensor(message.bits)[None]
    with torch.no_grad():
        marked = upstream_pipeline(card, upstream).embed(picture, bits)["imgs_w"]
    result: NDArray[np.float32] = marked[0].permute(1, 2, 0).numpy()
    return result


@pytest.mark.parametrize("size", SIZES)
def test_marked_picture_equals_upstream_when_sizes_vary(
    embedders: tuple[LiteRTEmbedder, UpstreamEmbedder, Card], size: tuple[int, int]
) -> None:
    embedder, upstream, card = embedders
    levels = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    rgb = levels / np.float32(255)
    decided = np.ones(size, bool)
    if card.attenuation is not None:
        decided = is_decided(upstream_jnd(card.attenuation), rgb)
    assert decided.mean() > 0.99
    message = Message.random(card.bits, seed=1)
    expected = upstream_marked(card, upstream, rgb, message)
    marked = embedder.embed_array(rgb, message)
    assert np.abs(expected - rgb).max() > 5e-4
    assert np.abs(marked - expected)[decided].max() <= 1e-4
    rounded = embedder.embed(levels, message).pixels
    assert np.abs(rounded - expected * 255)[decided].max() <= 0.5 + 1e-4 * 255


@pytest.mark.slow
@pytest.mark.parametrize("name", ["videoseal_0.0", "videoseal_1.0"])
def test_photograph_equals_upstream_when_full_size(name: str, tmp_path: Path) -> None:
    card = load_card(name)
    embedder, upstream = pair(card, tmp_path)
    message = Message.random(card.bits, seed=1)
    for path in photo_paths()[:2]:
        rgb = read_image(path)
        expected = upstream_marked(card, upstream, rgb, message)
        assert np.abs(embedder.embed_array(rgb, message) - expected).max() <= 1e-4
        marked = embedder.embed(path, message).pixels / 255
        assert np.abs(marked - expected).max() <= 1 / 255
