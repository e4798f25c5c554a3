"""Marked frames and messages equal those of upstream's video pipeline."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from conversions import small_card
from edgeseal.tflite.graph import write_model
from edgeseal.watermark.cards import Card, Part, UNetSpec
from edgeseal.watermark.convert import convert_part
from edgeseal.watermark.models import random_weights
from edgeseal.watermark.runtime import LiteRTEmbedder, Message, load_embedder
from edgeseal.watermark.video import AGGREGATIONS
from edgeseal.watermark.video._aggregate import Aggregate
from edgeseal.watermark.video._embed_video import mark_frames
from narrow import narrow_card
from upstream import UpstreamEmbedder, is_decided, upstream_jnd, upstream_module
from watermark.video.conftest import picture

CARDS = {"0.0": small_card(), "1.0": narrow_card("videoseal_1.0")}


def upstream_video(card: Card, embedder: UpstreamEmbedder) -> Any:
    """Return upstream's ``Videoseal``, with chunks of two key frames."""
    network = upstream_module("embedder", package="models").UnetEmbedder(
        embedder.unet, embedder.msg_processor
    )
    assert isinstance(card.embedder, UNetSpec)
    network.yuv = card.embedder.channels == 1
    return upstream_module("videoseal", package="models").Videoseal(
        network,
        torch.nn.Linear(1, 1),
        None,
        attenuation=None if card.attenuation is None else upstream_jnd(card.attenuation),
        scaling_w=card.scaling_w,
        scaling_i=card.scaling_i,
        img_size=card.image_size,
        chunk_size=2,
        step_size=card.step_size,
    )


@pytest.fixture(scope="module", params=CARDS)
def both(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[LiteRTEmbedder, UpstreamEmbedder, Card]:
    """An embedder in LiteRT, and upstream's with the same random weights."""
    card = CARDS[request.param]
    loaded = random_weights(card, Part.EMBEDDER, 0)
    path = tmp_path_factory.mktemp("models") / "embedder.tflite"
    write_model(convert_part(loaded).model, path)
    upstream = UpstreamEmbedder(card)
    upstream.load_state_dict(loaded.module.state_dict())
    return load_embedder(path), upstream, card


@pytest.mark.parametrize("size", [(90, 70), (270, 300)])
def test_frames_equal_upstream_when_the_last_chunk_is_not_full(
    both: tuple[LiteRTEmbedder, UpstreamEmbedder, Card], size: tuple[int, int]
) -> None:
    embedder, upstream, card = both
    count = 2 * 2 * card.step_size + card.step_size + 1  # two chunks, a key frame's, and one
    frames = [picture(5 * index, *size) for index in range(count)]
    message = Message.random(card.bits, seed=1)
    batch = torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2).float() / 255
    with torch.no_grad():
        output = upstream_video(card, upstream).eval().embed(batch, torch.tensor([message.bits]))
    expected = output["imgs_w"].permute(0, 2, 3, 1).numpy() * 255
    marked = list(mark_frames(embedder, frames, message))
    assert len(marked) == count
    for ours, theirs, frame in zip(marked, expected, frames, strict=True):
        decided = np.ones(size, bool)
        if card.attenuation is not None:
            decided = is_decided(upstream_jnd(card.attenuation), frame / np.float32(255))
        assert np.abs(ours - theirs)[decided].max() <= 0.51
    assert np.abs(expected - np.stack(frames)).max() > 0.1


@pytest.mark.parametrize("aggregation", AGGREGATIONS)
def test_message_equals_upstream_when_frames_are_aggregated(aggregation: str) -> None:
    rng = np.random.default_rng(2)
    logits = rng.normal(size=(7, 96)).astype(np.float32) * rng.exponential(size=(7, 1))
    logits = logits.astype(np.float32)
    fake = torch.nn.Module()
    predictions = torch.from_numpy(np.concatenate([np.ones((7, 1), np.float32), logits], 1))
    fake.detect = lambda *_, **__: {"preds": predictions}  # type: ignore[assignment]
    extract = upstream_module("videoseal", package="models").Videoseal.extract_message
    expected = extract(fake, torch.zeros(7, 3, 8, 8), aggregation)[0].numpy()
    total = Aggregate(aggregation, 96)
    for row in logits:
        total.add(row)
    np.testing.assert_array_equal(total.logits() > 0, expected)
