"""Upstream's networks as oracles, from the PyPI package ``videoseal``.

The package's own ``__init__`` files import much that these networks do not need (OpenCV,
torchvision), so they are not executed: the modules are imported below an empty package of another
name whose path is that of the installed one. What the modules themselves import without using it
here is replaced by mocks meanwhile.
"""

from __future__ import annotations

import importlib
import importlib.util
import math
import sys
import types
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from edgeseal.watermark.cards import Card, ConvNeXtSpec, UNetSpec, ViTSpec

__all__ = [
    "UpstreamConvNeXtDetector",
    "UpstreamEmbedder",
    "UpstreamViTDetector",
    "disturb",
    "is_decided",
    "upstream_detector",
    "upstream_jnd",
    "upstream_module",
    "upstream_pipeline",
]

_ALIAS = "_upstream_videoseal"
_PACKAGES = ("modules", "data", "models", "augmentation", "utils", "evals")
_AUGMENTER = f"{_ALIAS}.augmentation.augmenter"  # for training, with much that it imports
_UNUSED = ("timm", "timm.models", "timm.models.layers", "torchvision", _AUGMENTER)
_DISTURBED_MORE = ("pos_embed", "rel_pos", "grn.", "running_")


def upstream_module(name: str, *, package: str = "modules") -> Any:
    """Import ``videoseal.PACKAGE.NAME``.

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
        folders = {_ALIAS: root} | {f"{_ALIAS}.{part}": root / part for part in _PACKAGES}
        for alias, folder in folders.items():
            module = types.ModuleType(alias)
            module.__path__ = [str(folder)]
            sys.modules[alias] = module
    absent = {unused: mock.MagicMock() for unused in _UNUSED if unused not in sys.modules}
    sys.modules.update(absent)
    try:
        return importlib.import_module(f"{_ALIAS}.{package}.{name}")
    finally:
        for unused in absent:
            del sys.modules[unused]


def upstream_detector(card: Card) -> nn.Module:
    """Return upstream's detector for a card."""
    is_vit = isinstance(card.detector, ViTSpec)
    return UpstreamViTDetector(card) if is_vit else UpstreamConvNeXtDetector(card)


class UpstreamViTDetector(nn.Module):
    """Upstream's ``SegmentationExtractor`` for a card of family ``vit``."""

    def __init__(self, card: Card) -> None:
        super().__init__()
        spec = card.detector
        assert isinstance(spec, ViTSpec)
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
        self.pixel_decoder = _pixel_decoder(spec.out_channels, card.bits)
        self.eval()

    def forward(self, images: Tensor) -> Tensor:
        """Return logits float32 [B, 1 + bits] for images float32 [B, 3, H, W], 0..1."""
        logits: Tensor = self.pixel_decoder(self.image_encoder(images * 2 - 1))
        return logits


class UpstreamConvNeXtDetector(nn.Module):
    """Upstream's ``ConvnextExtractor`` for a card of family ``convnext``.

    The stride of the stem and the width rule came after the release on PyPI. Upstream's published
    source gives the stem's convolution that stride and changes nothing else in the network, and
    its ``build_extractor`` multiplies the widths with ``sqrt(nbits / 128)``, cut to integers.
    """

    def __init__(self, card: Card) -> None:
        super().__init__()
        spec = card.detector
        assert isinstance(spec, ConvNeXtSpec)
        growth = math.sqrt(card.bits / spec.dims_bits) if spec.dims_bits else 1
        dims = [int(dim * growth) for dim in spec.dims]
        self.convnext = upstream_module("convnext").ConvNeXtV2(
            in_chans=spec.in_channels, depths=list(spec.depths), dims=dims
        )
        self.convnext.downsample_layers[0][0].stride = (spec.stem_stride, spec.stem_stride)
        self.pixel_decoder = _pixel_decoder(dims[-1], card.bits)
        self.eval()

    def forward(self, images: Tensor) -> Tensor:
        """Return logits float32 [B, 1 + bits] for images float32 [B, 3, H, W], 0..1."""
        logits: Tensor = self.pixel_decoder(self.convnext(images * 2 - 1))
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
        # A checkpoint has it beside the embedder, so it is no part of this module's state.
        self.to_yuv = [upstream_module("transforms", package="data").RGB2YUV()]
        self.eval()

    def forward(self, images: Tensor, messages: Tensor) -> Tensor:
        """Return the watermark float32 [B, C, H, W] for images float32 [B, 3, H, W], 0..1."""
        if self.unet.in_channels == 1:
            images = self.to_yuv[0](images)[:, 0:1]
        delta: Tensor = self.unet(images * 2 - 1, messages)
        return delta


def upstream_jnd(name: str) -> Any:
    """Return upstream's attenuation of a name, by the table of its ``configs/attenuation.yaml``."""
    kind, source, target, *blue = name.split("_")
    assert kind == "jnd"
    make = upstream_module("jnd").JND
    return make(in_channels=int(source), out_channels=int(target), blue=bool(blue))


def is_decided(jnd: Any, rgb: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Where an attenuation does not depend on how a sum is rounded, [H, W].

    It jumps where the mean luminance is 127.
    """
    picture = torch.from_numpy(rgb).permute(2, 0, 1)[None] * 255
    if jnd.in_channels == 1:
        picture = (picture * torch.tensor([0.299, 0.587, 0.114])[:, None, None]).sum(1, True)
    mean = jnd.conv_lum(picture)[0] / 32
    decided: NDArray[np.bool_] = ((mean - 127).abs() > 1e-4).all(dim=0).numpy()
    return decided


def upstream_pipeline(card: Card, embedder: UpstreamEmbedder) -> Any:
    """Return upstream's ``Wam``, whose ``embed`` is its whole way from picture to marked picture.

    It has no detector and no augmenter.
    """
    spec = card.embedder
    assert isinstance(spec, UNetSpec)
    network = upstream_module("embedder", package="models").UnetEmbedder(
        embedder.unet, embedder.msg_processor
    )
    network.yuv = spec.channels == 1
    return (
        upstream_module("wam", package="models")
        .Wam(
            network,
            nn.Identity(),
            None,
            attenuation=None if card.attenuation is None else upstream_jnd(card.attenuation),
            scaling_w=card.scaling_w,
            scaling_i=card.scaling_i,
            img_size=card.image_size,
        )
        .eval()
    )


def _pixel_decoder(channels: int, bits: int) -> Any:
    return upstream_module("pixel_decoder").PixelDecoder(
        pixelwise=False,
        upscale_stages=[1],
        embed_dim=channels,
        nbits=bits,
        sigmoid_output=False,
        upscale_type="bilinear",
    )


def disturb(module: nn.Module, seed: int) -> None:
    """Move every floating-point tensor of a network away from its initial value.

    Norms begin at one and zero, position tables and response norms at zero: an implementation that
    left them out would agree. Variances stay positive.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in module.state_dict(keep_vars=True).items():
            if tensor.is_floating_point():
                std = 0.2 if any(kind in name for kind in _DISTURBED_MORE) else 0.02
                noise = torch.randn(tensor.shape, generator=generator) * std
                tensor.add_(noise.abs() if name.endswith("running_var") else noise)
