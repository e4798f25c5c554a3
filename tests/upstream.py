"""Upstream's networks as oracles, from the PyPI package ``videoseal``.

The package's own ``__init__`` files import much that these networks do not need (OpenCV,
torchvision), so they are not executed: the modules are imported below an empty package of another
name whose path is that of the installed one.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import types
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from edgeseal.cards import Card, UNetSpec

__all__ = ["UpstreamDetector", "UpstreamEmbedder", "disturb", "upstream_module"]

_ALIAS = "_upstream_videoseal"


def upstream_module(name: str) -> Any:
    """Import ``videoseal.modules.NAME``.

    Raises:
        RuntimeError: the package is not installed. The tests need it: without the oracle they
            would prove nothing.
    """
    if _ALIAS not in sys.modules:
        spec = importlib.util.find_spec("videoseal")
        if spec is None or not spec.submodule_search_locations:
            raise RuntimeError(
                "upstream's networks are missing: pip install --no-deps videoseal==1.0.1"
            )
        root = Path(spec.submodule_search_locations[0])
        for package, folder in ((_ALIAS, root), (f"{_ALIAS}.modules", root / "modules")):
            module = types.ModuleType(package)
            module.__path__ = [str(folder)]
            sys.modules[package] = module
    return importlib.import_module(f"{_ALIAS}.modules.{name}")


class UpstreamDetector(nn.Module):
    """Upstream's ``SegmentationExtractor`` for a card of family ``vit``."""

    def __init__(self, card: Card) -> None:
        super().__init__()
        spec = card.detector
        self.image_encoder = upstream_module("vit").ImageEncoderViT(
            img_size=card.image_size,
            in_chans=spec.in_channels,
            embed_dim=spec.embed_dim,
            out_chans=spec.out_channels,
            depth=spec.depth,
            num_heads=spec.num_heads,
            patch_size=spec.patch_size,
            global_attn_indexes=spec.global_attn_indexes,
            window_size=spec.window_size,
            mlp_ratio=spec.mlp_ratio,
            qkv_bias=True,
            use_rel_pos=True,
        )
        self.pixel_decoder = upstream_module("pixel_decoder").PixelDecoder(
            pixelwise=False,
            upscale_stages=[1],
            embed_dim=spec.out_channels,
            nbits=card.bits,
            sigmoid_output=False,
            upscale_type="bilinear",
        )
        self.eval()

    def forward(self, images: Tensor) -> Tensor:
        """Return logits float32 [B, 1 + bits] for images float32 [B, 3, H, W], 0..1."""
        logits: Tensor = self.pixel_decoder(self.image_encoder(images * 2 - 1))
        return logits


class UpstreamEmbedder(nn.Module):
    """Upstream's ``UnetEmbedder`` for a card of family ``unet``."""

    def __init__(self, card: Card) -> None:
        super().__init__()
        spec = card.embedder
        assert isinstance(spec, UNetSpec)
        processor = upstream_module("msg_processor").MsgProcessor(card.bits, spec.hidden_size)
        self.unet = upstream_module("unet").UNetMsg(
            msg_processor=processor,
            in_channels=spec.channels,
            out_channels=spec.channels,
            z_channels=spec.z_channels,
            num_blocks=spec.num_blocks,
            activation=spec.activation_name,
            normalization=spec.normalization_name,
            z_channels_mults=spec.z_channels_mults,
            last_tanh=True,
        )
        self.msg_processor = processor
        self.eval()

    def forward(self, images: Tensor, messages: Tensor) -> Tensor:
        """Return the watermark float32 [B, C, H, W] for images float32 [B, C, H, W], 0..1."""
        delta: Tensor = self.unet(images * 2 - 1, messages)
        return delta


def disturb(module: nn.Module, seed: int) -> None:
    """Move every floating-point tensor of a network away from its initial value.

    Norms begin at one and zero, and position tables at zero: an implementation that left them out
    would agree. Variances stay positive.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in module.state_dict(keep_vars=True).items():
            if tensor.is_floating_point():
                std = 0.2 if "pos_embed" in name or "rel_pos" in name else 0.02
                noise = torch.randn(tensor.shape, generator=generator) * std
                tensor.add_(noise.abs() if name.endswith("running_var") else noise)
