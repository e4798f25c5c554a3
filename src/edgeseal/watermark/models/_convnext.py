"""The convolutional detector of VideoSeal 1.0, PixelSeal and ChunkySeal: ConvNeXt V2.

The same computation and parameter names as upstream's ``videoseal.modules.convnext`` (licence MIT).
:mod:`edgeseal.watermark.convert` holds the form that is exported.
"""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor, nn

from edgeseal.watermark.models._decoder import PixelDecoder
from edgeseal.watermark.models._torch_layers import ChannelLayerNorm

__all__ = ["ConvNeXtBlock", "ConvNeXtDetector", "GlobalResponseNorm"]

_EPS = 1e-6
_STEM_KERNEL = 4
_EXPANSION = 4


class ConvNeXtDetector(nn.Module):
    """Reads a message from a picture.

    Args:
        bits: message length.
        in_channels: colour channels of the input.
        depths: blocks of each stage.
        dims: width of each stage.
        stem_stride: pixels from one position of the first map to the next.
        dims_bits: message length that ``dims`` are meant for; for other lengths the widths grow
            with the root of the length. None: ``dims`` are the widths as such.
        block_hidden_dims: hidden width of each block, all stages counted through, if pruned; four
            times the stage's width otherwise.
    """

    def __init__(
        self,
        *,
        bits: int,
        in_channels: int,
        depths: tuple[int, ...],
        dims: tuple[int, ...],
        stem_stride: int = 4,
        dims_bits: int | None = None,
        block_hidden_dims: tuple[int, ...] | None = None,
    ) -> None:
        super().__init__()
        if dims_bits is not None:
            dims = tuple(int(dim * math.sqrt(bits / dims_bits)) for dim in dims)
        self.convnext = ConvNeXt(
            in_channels=in_channels,
            depths=depths,
            dims=dims,
            stem_stride=stem_stride,
            block_hidden_dims=block_hidden_dims or _plain_hidden_dims(depths, dims),
        )
        self.pixel_decoder = PixelDecoder(channels=dims[-1], bits=bits)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits float32 [B, 1 + bits] for ``images`` float32 [B, C, H, W], RGB, 0..1.

        Bit ``i`` of the message is ``logits[:, 1 + i] > 0``; index 0 carries no information.
        """
        logits: Tensor = self.pixel_decoder(self.convnext(images * 2 - 1))
        return logits


class ConvNeXt(nn.Module):
    """A stem, then stages of blocks with a halving of the resolution in between."""

    def __init__(
        self,
        *,
        in_channels: int,
        depths: tuple[int, ...],
        dims: tuple[int, ...],
        stem_stride: int,
        block_hidden_dims: tuple[int, ...],
    ) -> None:
        super().__init__()
        stem = nn.Conv2d(in_channels, dims[0], kernel_size=_STEM_KERNEL, stride=stem_stride)
        self.downsample_layers = nn.ModuleList([nn.Sequential(stem, ChannelLayerNorm(dims[0]))])
        for narrow, wide in itertools.pairwise(dims):
            halve = nn.Conv2d(narrow, wide, kernel_size=2, stride=2)
            self.downsample_layers.append(nn.Sequential(ChannelLayerNorm(narrow), halve))
        hidden_dims = iter(block_hidden_dims)
        self.stages = nn.ModuleList(
            nn.Sequential(*(ConvNeXtBlock(dim, next(hidden_dims)) for _ in range(depth)))
            for depth, dim in zip(depths, dims, strict=True)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return float32 [B, dims[-1], h, w] for ``x`` float32 [B, C, H, W] in -1..1."""
        for downsample, stage in zip(self.downsample_layers, self.stages, strict=True):
            x = stage(downsample(x))
        return x


class ConvNeXtBlock(nn.Module):
    """Depthwise convolution, then a two-layer network per pixel; added to the input."""

    def __init__(self, dim: int, hidden_dim: int) -> None:
        super().__init__()
        self.dwconv = nn.Conv2d(dim, dim, kernel_size=7, padding=3, groups=dim)
        self.norm = nn.LayerNorm(dim, eps=_EPS)
        self.pwconv1 = nn.Linear(dim, hidden_dim)
        self.act = nn.GELU()
        self.grn = GlobalResponseNorm(hidden_dim)
        self.pwconv2 = nn.Linear(hidden_dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        """Map float32 [B, C, H, W] to the same shape."""
        hidden = self.act(self.pwconv1(self.norm(self.dwconv(x).permute(0, 2, 3, 1))))
        out: Tensor = x + self.pwconv2(self.grn(hidden)).permute(0, 3, 1, 2)
        return out


class GlobalResponseNorm(nn.Module):
    """Weighs each channel by its energy in the picture (ConvNeXt V2, arXiv 2301.00808)."""

    def __init__(self, dim: int, eps: float = _EPS) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(1, 1, 1, dim))
        self.beta = nn.Parameter(torch.zeros(1, 1, 1, dim))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """Map float32 [B, H, W, C] to the same shape."""
        energy = torch.linalg.vector_norm(x, dim=(1, 2), keepdim=True)
        share = energy / (energy.mean(dim=-1, keepdim=True) + self.eps)
        normalized: Tensor = self.gamma * (x * share) + self.beta + x
        return normalized


def _plain_hidden_dims(depths: tuple[int, ...], dims: tuple[int, ...]) -> tuple[int, ...]:
    """Return the hidden width of each block of a network that was not pruned."""
    stages = zip(depths, dims, strict=True)
    return tuple(_EXPANSION * dim for depth, dim in stages for _ in range(depth))
