"""A small card, and checkpoints of it in upstream's layout."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from edgeseal.watermark import models
from edgeseal.watermark.cards import Card, Part, UNetSpec, ViTSpec, load_card

Saved = Callable[..., Path]


@pytest.fixture
def card() -> Card:
    """VideoSeal 0.0 at small width: 8 bits, pictures of 64 pixels."""
    return dataclasses.replace(
        load_card("videoseal_0.0"),
        name="small",
        bits=8,
        image_size=64,
        detector=ViTSpec(
            in_channels=3,
            embed_dim=24,
            depth=2,
            num_heads=2,
            patch_size=16,
            window_size=2,
            global_attn_indexes=(1,),
            mlp_ratio=2.0,
            out_channels=16,
        ),
        embedder=UNetSpec(
            hidden_size=16,
            channels=3,
            z_channels=4,
            z_channels_mults=(1, 2, 4, 8),
            num_blocks=1,
            activation_name="silu",
            normalization_name="rms",
        ),
    )


@pytest.fixture
def state(card: Card) -> dict[str, Tensor]:
    """The entry ``model`` of a checkpoint of the small card, with all that upstream registers."""
    tensors = {"attenuation.conv_x.weight": torch.ones(1, 1, 3, 3), "rgb2yuv.M": torch.eye(3)}
    for part in Part:
        module = models.random_weights(card, part, seed=3).module
        tensors |= {f"{part.value}.{name}": t.clone() for name, t in module.state_dict().items()}
    return tensors


@pytest.fixture
def saved(tmp_path: Path, state: dict[str, Tensor]) -> Saved:
    """Writes a checkpoint, by default a good one with training state, and returns its path."""

    def save(model: Any = None, **entries: Any) -> Path:
        content: dict[str, Any] = {"model": state if model is None else model, "epoch": 3}
        content |= {"optimizer": {"state": {0: {"step": torch.ones(1)}}}, "scheduler": {}}
        path = tmp_path / "checkpoint.pth"
        torch.save(content | entries, path)
        return path

    return save
