"""Small models for tests that convert: the structure of the real ones at a fraction of the size."""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path

import torch

from edgeseal.tflite.graph import serialize
from edgeseal.watermark.cards import Card, Part, load_card
from edgeseal.watermark.convert import convert_part
from edgeseal.watermark.models import LoadedPart, random_weights


def small_card() -> Card:
    """VideoSeal 0.0 with narrow networks: one windowed and one global block, two UNet levels."""
    card = load_card("videoseal_0.0")
    detector = dataclasses.replace(
        card.detector,
        embed_dim=32,
        depth=3,
        num_heads=2,
        global_attn_indexes=(1,),
        out_channels=32,
    )
    embedder = dataclasses.replace(
        card.embedder, hidden_size=16, z_channels=4, z_channels_mults=(1, 2), num_blocks=1
    )
    return dataclasses.replace(
        card,
        name="small",
        bits=16,
        image_size=256,
        detector=detector,
        embedder=embedder,
        detector_parameters=None,
        embedder_parameters=None,
    )


def loaded_part(part: Part, seed: int = 0, *, card: Card | None = None) -> LoadedPart:
    """Return a small part whose norms are disturbed, so that folding them wrongly would show."""
    loaded = random_weights(card or small_card(), part, seed)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in loaded.module.named_parameters():
            if "norm" in name or parameter.ndim == 1:
                parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator))
    return loaded


def converted(part: Part, folder: Path) -> Path:
    """Convert a small part to a float file in ``folder``."""
    path = folder / f"small_{part.value}_float32.tflite"
    path.write_bytes(_converted(part))
    return path


@functools.cache
def _converted(part: Part) -> bytes:
    """Convert once for all tests in this process."""
    return bytes(serialize(convert_part(loaded_part(part)).model))
