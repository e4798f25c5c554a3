"""An embedder that multiplies its watermark with the attenuation map, plain and as exported.

The map is that of the picture at the model's size, as with upstream's ``lowres_attenuation``; what
:mod:`~edgeseal.watermark.runtime` computes of the picture at its full size is finer. The plain form
has upstream's convolutions (``videoseal.modules.jnd``, licence MIT); the exported one adds shifted
planes instead, which stay exact when layers are quantized.
"""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from edgeseal.errors import ConversionError
from edgeseal.watermark.convert._chain import Chain, Link
from edgeseal.watermark.models import LoadedPart
from edgeseal.watermark.models._unet import LUMA
from edgeseal.watermark.runtime._attenuation_map import Attenuation, find_attenuation

__all__ = ["AttenuatedEmbedder", "attenuated", "attenuated_chain"]

_SOBEL = ((-1.0, 0.0, 1.0), (-2.0, 0.0, 2.0), (-1.0, 0.0, 1.0))
_AROUND = (
    (1.0, 1.0, 1.0, 1.0, 1.0),
    (1.0, 2.0, 2.0, 2.0, 1.0),
    (1.0, 2.0, 0.0, 2.0, 1.0),
    (1.0, 2.0, 2.0, 2.0, 1.0),
    (1.0, 1.0, 1.0, 1.0, 1.0),
)
_BLUE = (0.5, 0.5, 1.0)


class AttenuatedEmbedder(nn.Module):
    """The plain form; see the module."""

    def __init__(self, embedder: nn.Module, attenuation: Attenuation) -> None:
        super().__init__()
        self.embedder = embedder
        self.attenuation = attenuation

    def forward(self, images: Tensor, messages: Tensor) -> Tensor:
        """Return the watermark float32 [B, C, H, W] for ``images`` [B, 3, H, W], 0..1."""
        delta: Tensor = self.embedder(images, messages)
        return delta * self._map(images)

    def _map(self, images: Tensor) -> Tensor:
        """Return float32 [B, C, H, W], C being 1 for one map for all colours."""
        planes = 255 * images
        if self.attenuation.in_channels == 1:
            planes = (planes * planes.new_tensor(LUMA)[:, None, None]).sum(dim=1, keepdim=True)
        mean = _convolved(planes, planes.new_tensor(_AROUND)) / 32
        sobel = planes.new_tensor(_SOBEL)
        squared = _convolved(planes, sobel) ** 2 + _convolved(planes, -sobel.T) ** 2
        return _of_colours(_visibility(mean, squared), self.attenuation, channels=1)


def attenuated(loaded: LoadedPart) -> LoadedPart:
    """Return an embedder that includes the attenuation of its card.

    Raises:
        ConversionError: the card has none.
    """
    attenuation = find_attenuation(loaded.card.attenuation)
    if attenuation is None:
        raise ConversionError(f"{loaded.card.name}: has no attenuation to include; leave it out")
    return dataclasses.replace(loaded, module=AttenuatedEmbedder(loaded.module, attenuation))


def attenuated_chain(inner: nn.Module, attenuation: Attenuation) -> Chain:
    """Return the exported form for the exported form of the embedder inside.

    Pictures float32 [1, H, W, 3], RGB, 0..1, and messages float32 [1, bits] -> watermark float32
    [1, H, W, C], -1..1.
    """
    links = list(inner) if isinstance(inner, Chain) else [_Whole(inner)]
    return Chain([_Map(attenuation), *links, _Multiply()])


class _Whole(Link):
    takes = 2

    def __init__(self, embedder: nn.Module) -> None:
        super().__init__()
        self.embedder = embedder

    def forward(self, images: Tensor, messages: Tensor) -> Tensor:
        """Return the watermark."""
        delta: Tensor = self.embedder(images, messages)
        return delta


class _Map(Link):
    takes = 2

    def __init__(self, attenuation: Attenuation) -> None:
        super().__init__()
        self.attenuation = attenuation

    def forward(self, images: Tensor, messages: Tensor) -> tuple[Tensor, ...]:
        """Return the arguments, and the map behind them."""
        planes = 255 * images
        if self.attenuation.in_channels == 1:
            red, green, blue = (planes[..., c : c + 1] * LUMA[c] for c in range(3))
            planes = red + green + blue
        padded = F.pad(planes, (0, 0, 2, 2, 2, 2))
        inner = padded[:, 1:-1, 1:-1]
        mean = (_box(padded, 5) + _box(inner, 3) - 2 * planes) / 32
        across = inner[:, :, 2:] - inner[:, :, :-2]
        along = inner[:, 2:] - inner[:, :-2]
        gradient_x = across[:, :-2] + 2 * across[:, 1:-1] + across[:, 2:]
        gradient_y = along[:, :, :-2] + 2 * along[:, :, 1:-1] + along[:, :, 2:]
        squared = gradient_x * gradient_x + gradient_y * gradient_y
        visibility = _of_colours(_visibility(mean, squared), self.attenuation, channels=3)
        return images, messages, visibility


class _Multiply(Link):
    takes = 2

    def forward(self, delta: Tensor, visibility: Tensor) -> Tensor:
        """Return their product."""
        return delta * visibility


def _convolved(planes: Tensor, kernel: Tensor) -> Tensor:
    """Convolve each channel of [B, C, H, W] with zeros around it."""
    weight = kernel.expand(planes.shape[1], 1, *kernel.shape)
    return F.conv2d(planes, weight, padding=kernel.shape[0] // 2, groups=planes.shape[1])


def _box(padded: Tensor, side: int) -> Tensor:
    """Return sums over squares of NHWC planes."""
    height, width = (size - side + 1 for size in padded.shape[1:3])
    columns = sum(
        (padded[:, :, shift : shift + width] for shift in range(1, side)), padded[:, :, :width]
    )
    return sum(
        (columns[:, shift : shift + height] for shift in range(1, side)), columns[:, :height]
    )


def _visibility(mean: Tensor, squared: Tensor) -> Tensor:
    """Return the map for the mean luminance and the squared gradient, both of 0..255."""
    dark = 17 * (1 - torch.sqrt(torch.clamp(mean, max=127) / 127 + 1e-5))
    luminance = torch.where(mean <= 127, dark, 3 / 128 * (mean - 127) + 3)
    contrast = 0.117 * 16 * squared**1.2 / (squared + 26**2)
    masking = luminance + contrast - 0.3 * torch.minimum(luminance, contrast)
    return F.relu(masking) / 255


def _of_colours(visibility: Tensor, attenuation: Attenuation, *, channels: int) -> Tensor:
    """Return the map for the colours; ``channels`` is their dimension."""
    if attenuation.in_channels == 3 and attenuation.out_channels == 1:
        return visibility.mean(dim=channels, keepdim=True)
    if attenuation.blue:
        return torch.cat([factor * visibility for factor in _BLUE], dim=channels)
    return visibility
