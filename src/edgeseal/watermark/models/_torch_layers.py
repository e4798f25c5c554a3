"""Layers that the detectors and the embedders share, with upstream's parameter names."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["ChannelLayerNorm", "ChannelRMSNorm", "Upsample", "activation", "normalization"]


class ChannelLayerNorm(nn.Module):
    """Layer normalisation over the channels of an NCHW map (eps 1e-6, as upstream's)."""

    def __init__(self, channels: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """Normalise ``x``, float32 [B, C, H, W], over C."""
        centered = x - x.mean(1, keepdim=True)
        variance = centered.pow(2).mean(1, keepdim=True)
        normalized = centered / torch.sqrt(variance + self.eps)
        return self.weight[:, None, None] * normalized + self.bias[:, None, None]


class ChannelRMSNorm(nn.Module):
    """Root-mean-square normalisation over the channels of an NCHW map."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.scale = channels**0.5
        self.gamma = nn.Parameter(torch.ones(channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise ``x``, float32 [B, C, H, W], over C."""
        normalized: Tensor = F.normalize(x, dim=1) * self.scale * self.gamma
        return normalized


class Upsample(nn.Module):
    """Bilinear upsampling, reflection padding, 3x3 convolution, layer norm, activation.

    The children keep upstream's indices (0: upsampling ... 4: activation), because they are part
    of the checkpoint's keys.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        factor: int,
        make_activation: Callable[[], nn.Module],
    ) -> None:
        super().__init__()
        self.factor = factor
        self.upsample_block = nn.Sequential(
            nn.Upsample(scale_factor=factor, mode="bilinear", align_corners=False),
            nn.ReflectionPad2d(1),
            nn.Conv2d(in_channels, out_channels, kernel_size=3, bias=False),
            ChannelLayerNorm(out_channels),
            make_activation(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return float32 [B, out_channels, factor * H, factor * W] for ``x`` [B, C, H, W]."""
        upsampled: Tensor = self.upsample_block(x)
        return upsampled


_ACTIVATIONS: dict[str, type[nn.Module]] = {"gelu": nn.GELU, "relu": nn.ReLU, "silu": nn.SiLU}
_NORMALIZATIONS: dict[str, type[nn.Module]] = {
    "batch": nn.BatchNorm2d,
    "layer": ChannelLayerNorm,
    "rms": ChannelRMSNorm,
}


def activation(name: str) -> type[nn.Module]:
    """Return the activation class a card names: ``gelu``, ``relu`` or ``silu``."""
    return _ACTIVATIONS[name]


def normalization(name: str) -> type[nn.Module]:
    """Return the normalisation class a card names: ``batch``, ``layer`` or ``rms``."""
    return _NORMALIZATIONS[name]
