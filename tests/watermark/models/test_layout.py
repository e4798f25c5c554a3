"""Checkpoints as upstream's training writes them, made of upstream's own modules."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from conversions import small_card
from edgeseal.watermark import models
from edgeseal.watermark.cards import Card, Part, UNetSpec
from narrow import CONVOLUTIONAL, narrow_card
from upstream import UpstreamEmbedder, disturb, upstream_detector, upstream_module

FAMILY = [small_card(), *map(narrow_card, CONVOLUTIONAL)]
ARGS = """\
attenuation: {attenuation}
blending_method: additive
embedder_model: unet_small2_yuv_quant
hidden_size_multiplier: {multiplier}
img_size: 768
img_size_proc: {image_size}
nbits: {bits}
optimizer: AdamW,lr=5e-4
scaling_i: 1.0
scaling_w: 1.0
scaling_w_schedule: Cosine,scaling_min={scaling_w},start_epoch=200,epochs=200
{step_name}: {step_size}
"""


def published_layout(card: Card, parts: dict[Part, Any]) -> dict[str, Any]:
    """Return a training checkpoint: what upstream's whole model registers, and the rest of it."""
    registered = {
        "attenuation": upstream_module("jnd").JND(in_channels=1, out_channels=1),
        "rgb2yuv": upstream_module("transforms", package="data").RGB2YUV(),
        **{part.value: module for part, module in parts.items()},
    }
    assert isinstance(card.embedder, UNetSpec)
    args = ARGS.format(
        attenuation=card.attenuation,
        multiplier=card.embedder.hidden_size / card.bits,
        image_size=card.image_size,
        bits=card.bits,
        scaling_w=card.scaling_w,
        step_name="videoseal_step_size" if card.step_size == 4 else "videowam_step_size",
        step_size=card.step_size,
    )
    return {
        "epoch": 600,
        "model": {
            f"{prefix}.{name}": tensor
            for prefix, module in registered.items()
            for name, tensor in module.state_dict().items()
        },
        "discriminator": {"model.0.weight": torch.ones(2)},
        "optimizer": {"state": {}, "param_groups": [{"lr": 5e-4}]},
        "optimizer_d": None,
        "scheduler": None,
        "args": args,
    }


@pytest.mark.parametrize("card", FAMILY, ids=lambda card: card.name)
def test_published_layout_loads_and_agrees_when_upstream_wrote_it(
    card: Card, tmp_path: Path
) -> None:
    theirs = {Part.DETECTOR: upstream_detector(card), Part.EMBEDDER: UpstreamEmbedder(card)}
    for seed, module in enumerate(theirs.values()):
        disturb(module, seed)
    torch.save(published_layout(card, theirs), tmp_path / "checkpoint.pth")
    checkpoint = models.read_checkpoint(tmp_path / "checkpoint.pth", card)
    generator = torch.Generator().manual_seed(1)
    pictures = torch.rand((2, 3, card.image_size, card.image_size), generator=generator)
    messages = torch.randint(0, 2, (2, card.bits), generator=generator)
    for part, inputs in (
        (Part.DETECTOR, (pictures,)),
        (Part.EMBEDDER, (pictures, messages)),
    ):
        loaded = checkpoint.load(card, part)
        assert loaded.card == card
        assert (loaded.provenance.adopted, loaded.provenance.unexpected) == ((), ())
        with torch.no_grad():
            expected = theirs[part](*inputs)
            assert expected.std() > 1e-3
            assert (loaded.module(*inputs) - expected).abs().max() <= 1e-5
