"""The ConvNeXt detector in the form that is exported: same function, simpler operators.

What differs from ``models.ConvNeXtDetector``, each exact in real arithmetic:

- NHWC pictures; the layers that work per pixel see a matrix of pixels, so that dynamic INT8 gives
  each pixel a scale of its own.
- ``x * 2 - 1`` is folded into the stem's convolution, which pads nothing.
- The affine part of a layer norm is folded into the layer behind it wherever no zeros are padded in
  between: all but the stem's.
- Global response normalisation is one product. With N the share of a channel's energy,
  ``gamma * (x * N) + beta + x = x * (1 + gamma * N) + beta``, and beta goes into the bias of the
  linear layer behind it.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from edgeseal.watermark.convert._chain import Chain, Link
from edgeseal.watermark.convert._exportable_layers import (
    Decoder,
    Normalize,
    absorb_affine,
    absorb_affine_conv,
    affine,
    convolve,
    linear_of,
    of_pixels,
)
from edgeseal.watermark.models import ConvNeXtDetector
from edgeseal.watermark.models._convnext import ConvNeXtBlock, GlobalResponseNorm
from edgeseal.watermark.models._torch_layers import ChannelLayerNorm

__all__ = ["ExportableConvNeXtDetector"]


class ExportableConvNeXtDetector(Chain):
    """Takes over the weights of a :class:`~edgeseal.watermark.models.ConvNeXtDetector`.

    Pictures float32 [1, H, W, C], RGB, 0..1 -> logits float32 [1, 1 + bits].
    """

    def __init__(self, detector: ConvNeXtDetector) -> None:
        stem, *halves = _layers(detector.convnext.downsample_layers)
        first, *others = _layers(detector.convnext.stages)
        links: list[Link] = [_Stem(*stem), *map(_Block, first)]
        for half, stage in zip(halves, others, strict=True):
            links += [_Halve(*half), *map(_Block, stage)]
        super().__init__([*links, Decoder(detector.pixel_decoder)])


class _Stem(Link):
    def __init__(self, conv: nn.Conv2d, norm: ChannelLayerNorm) -> None:
        super().__init__()
        self.conv = of_pixels(conv)
        self.norm = norm
        self.normalize = Normalize(norm.eps)

    def forward(self, images: Tensor) -> Tensor:
        """Return float32 [1, h, w, dims[0]] for ``images`` float32 [1, H, W, C], 0..1."""
        return affine(self.normalize(convolve(self.conv, images)), self.norm)


class _Halve(Link):
    def __init__(self, norm: ChannelLayerNorm, conv: nn.Conv2d) -> None:
        super().__init__()
        self.normalize = Normalize(norm.eps)
        self.conv = absorb_affine_conv(norm, conv)

    def forward(self, x: Tensor) -> Tensor:
        """Return float32 [1, H / 2, W / 2, wider]."""
        return convolve(self.conv, self.normalize(x))


class _Block(Link):
    def __init__(self, block: ConvNeXtBlock) -> None:
        super().__init__()
        self.dwconv = block.dwconv
        self.normalize = Normalize(block.norm.eps)
        self.lin1 = absorb_affine(block.norm, block.pwconv1)
        self.act = block.act
        self.response = _Response(block.grn)
        self.lin2 = _absorb_shift(block.grn.beta, block.pwconv2)

    def forward(self, x: Tensor) -> Tensor:
        """Map float32 [1, H, W, C] to the same shape."""
        pixels = self.normalize(convolve(self.dwconv, x)).reshape(-1, x.shape[-1])
        hidden = self.act(self.lin1(pixels))
        out: Tensor = x + self.lin2(hidden * self.response(hidden)).reshape(x.shape)
        return out


class _Response(nn.Module):
    """The factors of a global response normalisation."""

    def __init__(self, norm: GlobalResponseNorm) -> None:
        super().__init__()
        self.gamma = nn.Parameter(norm.gamma.detach().reshape(1, -1))
        self.eps = norm.eps

    def forward(self, x: Tensor) -> Tensor:
        """Return float32 [1, C] for pixels float32 [T, C]."""
        energy = torch.sqrt((x * x).sum(dim=0, keepdim=True))
        share = energy / (energy.mean(dim=-1, keepdim=True) + self.eps)
        return share * self.gamma + 1


def _layers(modules: Any) -> Any:
    """Return a container as what it is to iterate over, which torch's types do not say."""
    return modules


def _absorb_shift(shift: Tensor, linear: nn.Linear) -> nn.Linear:
    """Return a layer equal to ``linear`` after adding ``shift`` to its input."""
    with torch.no_grad():
        return linear_of(linear.weight, linear.bias + linear.weight @ shift.flatten())
