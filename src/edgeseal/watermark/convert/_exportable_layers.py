"""Parts that the exported forms share: norms folded into their neighbours, and the decoder."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from edgeseal.watermark.convert._c_order import in_c_order
from edgeseal.watermark.convert._chain import Link
from edgeseal.watermark.models._decoder import PixelDecoder
from edgeseal.watermark.models._torch_layers import ChannelLayerNorm

__all__ = [
    "Decoder",
    "Normalize",
    "absorb_affine",
    "absorb_affine_conv",
    "affine",
    "conv_like",
    "convolve",
    "linear_of",
    "of_pixels",
]

_UNFILLED = "meta"  # weights that are replaced are not drawn first


class Normalize(nn.Module):
    """Layer normalisation over the last dimension, without its affine part."""

    def __init__(self, eps: float) -> None:
        super().__init__()
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """Map float32 [..., D] to the same shape, zero mean and unit variance over D."""
        centered = x - x.mean(dim=-1, keepdim=True)
        variance = (centered * centered).mean(dim=-1, keepdim=True)
        return centered * torch.rsqrt(variance + self.eps)


class Decoder(Link):
    """Takes over the weights of a :class:`~edgeseal.watermark.models.PixelDecoder`; NHWC."""

    def __init__(self, decoder: PixelDecoder, before: ChannelLayerNorm | None = None) -> None:
        """Fold in the affine part of ``before``, a norm right in front of the decoder."""
        super().__init__()
        upsample: Any = decoder.output_upscaling[0]
        _, _, conv, self.norm, self.activation = upsample.upsample_block
        self.conv = conv if before is None else absorb_affine_conv(before, conv)
        self.normalize = Normalize(self.norm.eps)
        self.linear = decoder.linear

    def forward(self, x: Tensor) -> Tensor:
        """Return logits float32 [1, 1 + bits] for ``x`` float32 [1, h, w, C]."""
        x = F.pad(x.permute(0, 3, 1, 2), (1, 1, 1, 1), mode="reflect").permute(0, 2, 3, 1)
        x = self.normalize(convolve(self.conv, x))
        logits: Tensor = self.linear(self.activation(affine(x, self.norm)).mean(dim=(1, 2)))
        return logits


def convolve(conv: Any, x: Tensor) -> Tensor:
    """Apply a convolution to float32 [1, H, W, C]; the transposes make no operators."""
    out: Tensor = conv(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
    return out


def affine(x: Tensor, norm: ChannelLayerNorm) -> Tensor:
    """Return the affine part of a layer norm of ``x``, float32 [..., C]."""
    return x * norm.weight + norm.bias


def absorb_affine(norm: nn.LayerNorm, linear: nn.Linear) -> nn.Linear:
    """Return a layer equal to ``linear`` after the affine part of ``norm``."""
    with torch.no_grad():
        bias = linear.bias + linear.weight @ norm.bias
        return linear_of(linear.weight * norm.weight, bias)


def linear_of(weight: Tensor, bias: Tensor | None) -> nn.Linear:
    """Return a layer with weights [out, in], which it shares, and biases."""
    made = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None, device=_UNFILLED)
    made.weight = nn.Parameter(weight.detach())
    if bias is not None:
        made.bias = nn.Parameter(bias.detach())
    return made


def absorb_affine_conv(norm: ChannelLayerNorm, conv: nn.Conv2d) -> nn.Conv2d:
    """The same for a convolution. Exact only where no zeros are padded in between."""
    bias = torch.einsum("oihw,i->o", conv.weight, norm.bias)
    if conv.bias is not None:
        bias = bias + conv.bias
    return conv_like(conv, conv.weight * norm.weight[:, None, None], bias)


def of_pixels(conv: nn.Conv2d) -> nn.Conv2d:
    """Return a convolution of x equal to ``conv`` of 2 x - 1. Exact where no zeros are padded.

    INT8 loses nothing by it: its ranges need not lie around zero.
    """
    weight = conv.weight.detach().double()
    bias = -weight.sum(dim=(1, 2, 3))
    return conv_like(conv, 2 * weight, bias if conv.bias is None else bias + conv.bias)


def conv_like(conv: nn.Conv2d, weight: Tensor, bias: Tensor | None) -> nn.Conv2d:
    """Return a convolution of the stride and padding of ``conv`` with other weights, float32."""
    stride: Any = conv.stride
    padding: Any = conv.padding
    outputs, inputs, *kernel = weight.shape
    size = kernel[0], kernel[1]
    made = nn.Conv2d(inputs, outputs, size, stride=stride, padding=padding, device=_UNFILLED)
    # as LiteRT stores them, so that no copy is needed later
    stored = in_c_order(weight.detach().float().permute(0, 2, 3, 1).numpy())
    made.weight = nn.Parameter(torch.from_numpy(stored).permute(0, 3, 1, 2))
    made.bias = None if bias is None else nn.Parameter(bias.detach().float())
    return made
