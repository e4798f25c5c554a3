"""Small detectors of both families with random weights."""

from __future__ import annotations

import copy
import dataclasses

import torch
from torch import Tensor, nn

from edgeseal.watermark.cards import Card, ConvNeXtSpec, Part, ViTSpec, load_card
from edgeseal.watermark.models import build

__all__ = ["FAMILIES", "detector", "pictures", "small_card", "twin"]

SIZE = 32
FAMILIES = {
    "vit": ViTSpec(
        in_channels=3, embed_dim=16, depth=2, num_heads=4, patch_size=8, window_size=2,
        global_attn_indexes=(1,), mlp_ratio=3.0, out_channels=16,
    ),
    "convnext": ConvNeXtSpec(in_channels=3, depths=(1, 2), dims=(8, 12)),
}  # fmt: skip


def small_card(family: str) -> Card:
    return dataclasses.replace(
        load_card("reference"), name="small", bits=8, image_size=SIZE,
        detector=FAMILIES[family], detector_parameters=None, embedder_parameters=None,
    )  # fmt: skip


def detector(family: str, seed: int = 0) -> nn.Module:
    """Every value is drawn, so that nothing in it is neutral."""
    module = build(small_card(family), Part.DETECTOR).eval().requires_grad_(False)
    generator = torch.Generator().manual_seed(seed)
    for parameter in module.parameters():
        spread = 1 / max(1, parameter[0].numel()) ** 0.5 if parameter.ndim > 1 else 0.3
        parameter.copy_(spread * torch.randn(parameter.shape, generator=generator))
    return module


def twin(module: nn.Module) -> nn.Module:
    return copy.deepcopy(module)


def pictures(count: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(count, 3, SIZE, SIZE, generator=generator)
