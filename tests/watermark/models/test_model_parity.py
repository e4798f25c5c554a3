"""Our definitions against upstream's, at random weights, loaded strictly into each other."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import Tensor, nn

from edgeseal.watermark import models
from edgeseal.watermark.cards import Card, ConvNeXtSpec, Part, UNetSpec, ViTSpec, load_card
from upstream import UpstreamEmbedder, disturb, upstream_detector

TOLERANCE = 1e-5


def assert_parity(ours: nn.Module, theirs: nn.Module, *inputs: Tensor) -> None:
    """Check equality with our weights in upstream's network, then with upstream's in ours."""
    for seed, source, target in ((1, ours, theirs), (2, theirs, ours)):
        disturb(source, seed)
        target.load_state_dict(source.state_dict(), strict=True)
        with torch.no_grad():
            expected, found = theirs(*inputs), ours(*inputs)
        assert found.shape == expected.shape
        assert expected.std() > 1e-3
        assert (found - expected).abs().max() <= TOLERANCE


def pictures(card: Card, channels: int = 3) -> Tensor:
    """Return two random pictures, float32 [2, C, H, W] in 0..1."""
    size = (2, channels, card.image_size, card.image_size)
    return torch.rand(size, generator=torch.Generator().manual_seed(5))


def messages(card: Card) -> Tensor:
    """Return two random messages, int64 [2, bits]."""
    return torch.randint(0, 2, (2, card.bits), generator=torch.Generator().manual_seed(6))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["videoseal_0.0", "videoseal_1.0", "pixelseal"])
def test_detector_equals_upstreams_when_full_size(name: str) -> None:
    card = load_card(name)
    assert_parity(models.build_detector(card).eval(), upstream_detector(card), pictures(card))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["videoseal_0.0", "videoseal_1.0", "pixelseal"])
def test_embedder_equals_upstreams_when_full_size(name: str) -> None:
    card = load_card(name)
    ours, theirs = models.build_embedder(card).eval(), UpstreamEmbedder(card)
    assert_parity(ours, theirs, pictures(card), messages(card))


@pytest.mark.parametrize(
    ("changes", "image_size"),
    [
        ({"num_heads": 3}, 64),
        ({"window_size": 4, "global_attn_indexes": ()}, 64),
        ({"window_size": 1, "global_attn_indexes": (0,)}, 64),
        ({"global_attn_indexes": (0, 1, 2), "depth": 3}, 96),
        ({"patch_size": 8, "mlp_ratio": 1.5, "embed_dim": 36, "num_heads": 6}, 64),
        ({"in_channels": 1, "out_channels": 40}, 64),
    ],
)
def test_detector_equals_upstreams_when_small(
    card: Card, changes: dict[str, object], image_size: int
) -> None:
    spec: ViTSpec = dataclasses.replace(card.detector, **changes)  # type: ignore[arg-type]
    card = dataclasses.replace(card, detector=spec, image_size=image_size)
    ours, theirs = models.build_detector(card).eval(), upstream_detector(card)
    assert_parity(ours, theirs, pictures(card, spec.in_channels))


@pytest.mark.parametrize(
    ("changes", "image_size"),
    [
        ({}, 64),
        ({"in_channels": 1, "depths": (2, 1, 1, 2)}, 96),
        ({"dims": (7, 9, 12, 20)}, 70),
        ({"stem_stride": 2}, 64),
        ({"stem_stride": 3, "dims_bits": 8}, 76),
        ({"stem_stride": 2, "dims_bits": 3, "dims": (5, 6, 7, 8)}, 64),
    ],
)
def test_convolutional_detector_equals_upstreams_when_small(
    card: Card, changes: dict[str, object], image_size: int
) -> None:
    spec = ConvNeXtSpec(in_channels=3, depths=(1, 1, 2, 1), dims=(8, 12, 16, 24))
    spec = dataclasses.replace(spec, **changes)  # type: ignore[arg-type]
    embedder = dataclasses.replace(card.embedder, z_channels_mults=(1, 2))  # takes any even size
    card = dataclasses.replace(card, detector=spec, image_size=image_size, embedder=embedder)
    ours, theirs = models.build_detector(card).eval(), upstream_detector(card)
    assert_parity(ours, theirs, pictures(card, spec.in_channels))


@pytest.mark.parametrize(
    "changes",
    [
        {"num_blocks": 3},
        {"hidden_size": 5, "z_channels": 6},
        {"z_channels_mults": (1, 2)},
        {"z_channels_mults": (1, 1, 3)},
        {"normalization_name": "layer", "activation_name": "gelu"},
        {"activation_name": "relu", "normalization_name": "batch"},
        {"channels": 1, "activation_name": "relu", "normalization_name": "batch"},
        {"channels": 1, "z_channels_mults": (2, 4, 8, 16), "hidden_size": 8},
    ],
)
def test_embedder_equals_upstreams_when_small(card: Card, changes: dict[str, object]) -> None:
    assert isinstance(card.embedder, UNetSpec)
    spec = dataclasses.replace(card.embedder, **changes)  # type: ignore[arg-type]
    card = dataclasses.replace(card, embedder=spec)
    ours, theirs = models.build_embedder(card).eval(), UpstreamEmbedder(card)
    assert_parity(ours, theirs, pictures(card), messages(card))


def test_embedder_takes_float_messages_when_upstream_takes_integers(card: Card) -> None:
    embedder = models.random_weights(card, Part.EMBEDDER, seed=0).module
    inputs = pictures(card), messages(card)
    assert torch.equal(embedder(*inputs), embedder(inputs[0], inputs[1].float()))
