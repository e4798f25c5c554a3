"""Networks without a checkpoint."""

from __future__ import annotations

import inspect

import pytest
import torch
from torch import nn

from edgeseal.errors import UsageError
from edgeseal.watermark import models
from edgeseal.watermark.cards import (
    Card,
    CarrierSpec,
    ConvNeXtSpec,
    Part,
    UNetSpec,
    ViTSpec,
    card_names,
    load_card,
)
from narrow import narrow_card


@pytest.mark.parametrize("part", Part)
def test_weights_are_equal_when_the_seed_is(card: Card, part: Part) -> None:
    first, second = (models.random_weights(card, part, seed=7).module for _ in range(2))
    other = models.random_weights(card, part, seed=8).module
    pairs = list(zip(first.parameters(), second.parameters(), strict=True))
    assert all(torch.equal(a, b) for a, b in pairs)
    assert any(
        not torch.equal(a, b) for a, b in zip(first.parameters(), other.parameters(), strict=True)
    )


def test_position_tables_are_not_zero_when_weights_are_random(card: Card) -> None:
    module = models.random_weights(card, Part.DETECTOR, seed=0).module
    tables = [p for name, p in module.named_parameters() if "pos" in name.rpartition(".")[2]]
    assert len(tables) == 1 + 2 * card.detector.depth
    assert torch.cat([table.flatten() for table in tables]).std() == pytest.approx(0.2, rel=0.1)


def test_response_norms_are_not_neutral_when_weights_are_random() -> None:
    module = models.random_weights(narrow_card("videoseal_1.0"), Part.DETECTOR, seed=0).module
    for kind in ("grn.gamma", "grn.beta"):
        tensors = [t.flatten() for name, t in module.named_parameters() if name.endswith(kind)]
        assert torch.cat(tensors).std() == pytest.approx(0.2, rel=0.2)


def test_picture_and_message_show_when_weights_are_random() -> None:
    card = narrow_card("pixelseal")
    module = models.random_weights(card, Part.EMBEDDER, seed=0).module
    pictures = torch.rand((2, 3, 64, 64), generator=torch.Generator().manual_seed(1))
    messages = torch.stack([torch.zeros(card.bits), torch.ones(card.bits)])
    delta = module(pictures[[0, 0, 1]], messages[[0, 1, 0]])
    assert (delta[0] - delta[1]).std() > 0.02
    assert (delta[0] - delta[2]).std() > 0.02
    assert all(norm.running_var.std() > 0 for norm in batch_norms(module))


def batch_norms(module: nn.Module) -> list[nn.BatchNorm2d]:
    """Return the batch norms of a network, after checking that there are any."""
    norms = [norm for norm in module.modules() if isinstance(norm, nn.BatchNorm2d)]
    assert norms
    return norms


def test_network_is_ready_for_inference_when_weights_are_random(card: Card) -> None:
    loaded = models.random_weights(card, Part.DETECTOR, seed=4)
    assert not loaded.module.training
    assert not any(parameter.requires_grad for parameter in loaded.module.parameters())
    assert (loaded.card, loaded.part) == (card, Part.DETECTOR)
    assert loaded.provenance.source == "random weights, seed 4"
    assert (loaded.provenance.seed, loaded.provenance.sha256) == (4, None)


def test_global_random_state_is_kept_when_weights_are_drawn(card: Card) -> None:
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    models.random_weights(card, Part.EMBEDDER, seed=2)
    assert torch.equal(torch.rand(3), expected)


def test_carriers_are_orthogonal_when_weights_are_random() -> None:
    card = load_card("reference")
    embedder = models.random_weights(card, Part.EMBEDDER, seed=0).module
    flat = embedder.state_dict()["carriers"].reshape(card.bits, -1)
    assert torch.allclose(flat @ flat.T / flat.shape[1], torch.eye(card.bits), atol=1e-4)


@pytest.mark.parametrize("seed", [-1, 2**63])
def test_seed_is_refused_when_out_of_range(card: Card, seed: int) -> None:
    with pytest.raises(UsageError, match="seed: must be in"):
        models.random_weights(card, Part.DETECTOR, seed=seed)


@pytest.mark.parametrize("part", Part)
@pytest.mark.parametrize("name", card_names())
def test_card_counts_parameters_right_when_built(name: str, part: Part) -> None:
    card = load_card(name)
    with torch.device("meta"):
        module = models.build(card, part)
    statistics = ("running_mean", "running_var", "num_batches_tracked")
    weights = {
        id(tensor): tensor.numel()
        for key, tensor in module.state_dict(keep_vars=True).items()
        if not key.endswith(statistics)
    }
    assert card.parameters(part) == sum(weights.values())


@pytest.mark.parametrize(
    ("spec", "network"),
    [
        (ViTSpec, models.ViTDetector),
        (ConvNeXtSpec, models.ConvNeXtDetector),
        (UNetSpec, models.UNetEmbedder),
        (CarrierSpec, models.CarrierEmbedder),
    ],
)
def test_spec_names_every_argument_when_compared_with_the_constructor(
    spec: type, network: type
) -> None:
    arguments = set(inspect.signature(network).parameters) - {"bits", "image_size"}
    assert set(inspect.signature(spec).parameters) == arguments
