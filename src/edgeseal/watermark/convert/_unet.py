"""The UNet embedder in the form that is exported: same function, and it converts.

What differs from :class:`edgeseal.watermark.models.UNetEmbedder`, each exact in real arithmetic:

- NHWC pictures, so that norms over the channels need no transposes.
- The message embedding is linear in the bits: with E0 and E1 the rows for 0 and 1, the sum over
  bits is ``bits @ (E1 - E0) + sum(E0)``. It is spread over the map by concatenating copies; adding
  it to zeros of the map's shape would convert to BROADCAST_TO, and upstream's own concatenation
  fails in litert-torch's layout pass.
- Batch norms are folded into the convolutions before them, the scale of the skip connections into
  the convolutions behind them.
- A network that sees luma takes RGB: luma is linear, so the first convolutions take it over. Its
  weights sum to 1, so ``x * 2 - 1`` and the zeros that are padded mean the same before and after.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from edgeseal.watermark.convert._chain import Chain, Link
from edgeseal.watermark.convert._exportable_layers import (
    Normalize,
    affine,
    conv_like,
    convolve,
    linear_of,
)
from edgeseal.watermark.models import UNetEmbedder
from edgeseal.watermark.models._torch_layers import ChannelLayerNorm, ChannelRMSNorm
from edgeseal.watermark.models._unet import LUMA, ResnetBlock

__all__ = ["ExportableUNetEmbedder"]

_TINY = 1e-24  # the square of what F.normalize divides by at least


class ExportableUNetEmbedder(Chain):
    """Takes over the weights of a :class:`~edgeseal.watermark.models.UNetEmbedder`.

    Pictures float32 [1, H, W, 3], RGB, 0..1, and messages float32 [1, bits] of zeros and ones ->
    watermark float32 [1, H, W, C], -1..1.
    """

    def __init__(self, embedder: UNetEmbedder, image_size: int) -> None:
        blocks: Any = embedder.unet.bottleneck.model
        head, tail = _Head(embedder, image_size), _Tail(embedder)
        super().__init__([head, *map(_Residual, blocks), tail])


class _Head(Link):
    takes = 2

    def __init__(self, embedder: UNetEmbedder, image_size: int) -> None:
        super().__init__()
        unet: Any = embedder.unet
        size = image_size >> len(unet.downs)
        self.first = _Residual(unet.inc, sees_luma=embedder.channels == 1)
        self.downs = nn.ModuleList(_Down(block) for block in unet.downs)
        self.message = _LinearMessage(unet.msg_processor.msg_embeddings, size)

    def forward(self, images: Tensor, messages: Tensor) -> tuple[Tensor, ...]:
        """Return the bottleneck's input, and the same with the maps before it, widest last."""
        maps: list[Tensor] = [self.first(images * 2 - 1)]
        for down in self.downs:
            maps.append(down(maps[-1]))
        maps[-1] = self.message(maps[-1], messages)
        return (maps[-1], *reversed(maps[1:]))


class _Tail(Link):
    def __init__(self, embedder: UNetEmbedder) -> None:
        super().__init__()
        unet: Any = embedder.unet
        self.ups = nn.ModuleList(_Up(block, unet.skip_scale) for block in unet.ups)
        self.last = unet.outc
        self.takes = 1 + len(unet.ups)

    def forward(self, x: Tensor, *maps: Tensor) -> Tensor:
        """Return the watermark for the bottleneck's result and the maps before it, widest last."""
        for up, skip in zip(self.ups, maps, strict=True):
            x = up(torch.cat([x, skip], dim=3))
        return torch.tanh(convolve(self.last, x))


class _Residual(Link):
    def __init__(self, block: ResnetBlock, *, sees_luma: bool = False) -> None:
        super().__init__()
        self.layers = nn.Sequential(*_pairs(block.double_conv))
        self.shortcut = block.res_conv
        if sees_luma:
            first: Any = self.layers[0]
            first.conv = _seeing_rgb(first.conv)
            self.shortcut = _seeing_rgb(self.shortcut)

    def forward(self, x: Tensor) -> Tensor:
        """Return float32 [1, H, W, C]."""
        out: Tensor = self.layers(x) + convolve(self.shortcut, x)
        return out


class _ConvNormAct(nn.Module):
    def __init__(self, conv: nn.Conv2d, norm: nn.Module, activation: nn.Module) -> None:
        super().__init__()
        self.conv = _absorb_batch_norm(conv, norm) if isinstance(norm, nn.BatchNorm2d) else conv
        self.norm = _exportable_norm(norm)
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        """Return float32 [1, H, W, C]."""
        out: Tensor = self.activation(self.norm(convolve(self.conv, x)))
        return out


class _Down(nn.Module):
    def __init__(self, block: Any) -> None:
        super().__init__()
        self.down = block.down
        self.residual = _Residual(block.conv)

    def forward(self, x: Tensor) -> Tensor:
        """Return float32 [1, H / 2, W / 2, C]."""
        out: Tensor = self.residual(convolve(self.down, x))
        return out


class _Up(nn.Module):
    def __init__(self, block: Any, skip_scale: float) -> None:
        super().__init__()
        upsample, _, conv, norm, activation = block.up.upsample_block
        self.factor = upsample.scale_factor
        self.layer = _ConvNormAct(_scaling_skip(conv, skip_scale), norm, activation)
        self.residual = _Residual(block.conv)

    def forward(self, x: Tensor) -> Tensor:
        """Return float32 [1, 2 H, 2 W, C]."""
        x = F.interpolate(x.permute(0, 3, 1, 2), scale_factor=self.factor, mode="bilinear")
        x = F.pad(x, (1, 1, 1, 1), mode="reflect").permute(0, 2, 3, 1)
        out: Tensor = self.residual(self.layer(x))
        return out


class _LinearMessage(nn.Module):
    def __init__(self, embeddings: nn.Embedding, size: int) -> None:
        super().__init__()
        zeros, ones = embeddings.weight.detach()[0::2], embeddings.weight.detach()[1::2]
        self.linear = linear_of((ones - zeros).T.contiguous(), zeros.sum(0))
        self.size = size

    def forward(self, latents: Tensor, messages: Tensor) -> Tensor:
        """Return float32 [1, n, n, C + hidden] for ``latents`` [1, n, n, C]."""
        row = torch.cat([self.linear(messages)[:, None, None, :]] * self.size, dim=2)
        return torch.cat([latents, torch.cat([row] * self.size, dim=1)], dim=3)


class _LayerNorm(nn.Module):
    def __init__(self, norm: ChannelLayerNorm) -> None:
        super().__init__()
        self.norm = norm
        self.normalize = Normalize(norm.eps)

    def forward(self, x: Tensor) -> Tensor:
        """Map float32 [1, H, W, C] to the same shape."""
        return affine(self.normalize(x), self.norm)


class _RMSNorm(nn.Module):
    def __init__(self, norm: ChannelRMSNorm) -> None:
        super().__init__()
        self.weight = nn.Parameter(norm.gamma.detach().flatten())
        self.tiny = _TINY / self.weight.numel()

    def forward(self, x: Tensor) -> Tensor:
        """Map float32 [1, H, W, C] to the same shape."""
        energy = (x * x).mean(dim=-1, keepdim=True)
        return x * torch.rsqrt(energy.clamp(min=self.tiny)) * self.weight


def _pairs(layers: Iterable[nn.Module]) -> Iterator[_ConvNormAct]:
    """Yield the layers of a residual block: convolution, norm and activation, twice."""
    modules: list[Any] = list(layers)
    for i in range(0, len(modules), 3):
        yield _ConvNormAct(*modules[i : i + 3])


def _exportable_norm(norm: nn.Module) -> nn.Module:
    if isinstance(norm, nn.BatchNorm2d):
        return nn.Identity()  # it is in the convolution
    if isinstance(norm, ChannelRMSNorm):
        return _RMSNorm(norm)
    if isinstance(norm, ChannelLayerNorm):
        return _LayerNorm(norm)
    raise TypeError(f"no exportable form of {type(norm).__name__}")


def _absorb_batch_norm(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> nn.Conv2d:
    """Return a convolution equal to ``conv``, which has no bias, and then ``norm``."""
    mean, variance = _known(norm.running_mean), _known(norm.running_var)
    factor = norm.weight.double() / torch.sqrt(variance + norm.eps)
    weight = conv.weight.double() * factor[:, None, None, None]
    return conv_like(conv, weight, norm.bias.double() - mean * factor)


def _known(statistics: Tensor | None) -> Tensor:
    """Return a batch norm's statistics in double precision."""
    if statistics is None:
        raise TypeError("a batch norm without statistics depends on the batch")
    return statistics.double()


def _seeing_rgb(conv: nn.Conv2d) -> nn.Conv2d:
    """Return a convolution of RGB equal to ``conv`` of luma."""
    luma = torch.tensor(LUMA, dtype=torch.float64)
    return conv_like(conv, conv.weight.double() * luma[:, None, None], conv.bias)


def _scaling_skip(conv: nn.Conv2d, scale: float) -> nn.Conv2d:
    """Return a convolution equal to ``conv`` after multiplying half of its input by ``scale``."""
    factors = torch.ones(conv.in_channels, dtype=torch.float64)
    factors[conv.in_channels // 2 :] = scale
    return conv_like(conv, conv.weight.double() * factors[:, None, None], conv.bias)
