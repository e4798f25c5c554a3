"""The UNet embedder of the VideoSeal family.

The same computation and parameter names as upstream's ``videoseal.modules.unet`` and
``msg_processor`` (licence MIT); :mod:`edgeseal.watermark.convert` holds the form that is exported.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from edgeseal.watermark.models._torch_layers import Upsample, activation, normalization

__all__ = ["LUMA", "MessageProcessor", "UNet", "UNetEmbedder"]

LUMA = (0.299, 0.587, 0.114)  # of red, green and blue, as upstream's RGB2YUV


class UNetEmbedder(nn.Module):
    """Draws the watermark for a picture and a message.

    Args:
        bits: message length.
        hidden_size: width of the message embedding.
        channels: colour channels of the watermark, and of what the network sees of the picture: 3
            for RGB, 1 for luma.
        z_channels: width of the first level.
        z_channels_mults: width of each level as a multiple of ``z_channels``.
        num_blocks: residual blocks at the bottleneck.
        activation_name: ``silu``, ``relu`` or ``gelu``.
        normalization_name: ``rms``, ``batch`` or ``layer``.
    """

    def __init__(
        self,
        *,
        bits: int,
        hidden_size: int,
        channels: int,
        z_channels: int,
        z_channels_mults: tuple[int, ...],
        num_blocks: int,
        activation_name: str,
        normalization_name: str,
    ) -> None:
        super().__init__()
        self.channels = channels
        self.unet = UNet(
            bits=bits,
            hidden_size=hidden_size,
            channels=channels,
            widths=tuple(z_channels * mult for mult in z_channels_mults),
            num_blocks=num_blocks,
            make_activation=activation(activation_name),
            make_normalization=normalization(normalization_name),
        )
        # Upstream registers the message processor a second time beside the UNet that holds it, so
        # its checkpoints have each of its keys twice.
        self.msg_processor = self.unet.msg_processor

    def forward(self, images: Tensor, messages: Tensor) -> Tensor:
        """Return the watermark float32 [B, channels, H, W] in -1..1.

        A watermark of one channel is added to red, green and blue alike.

        Args:
            images: float32 [B, 3, H, W], RGB, 0..1; H and W are multiples of 8.
            messages: float32 or int64 [B, bits] of zeros and ones.
        """
        seen = _luma(images) if self.channels == 1 else images
        delta: Tensor = self.unet(seen * 2 - 1, messages)
        return delta


class MessageProcessor(nn.Module):
    """Embeds each bit by its value, sums, and appends the sum to every pixel of a map."""

    def __init__(self, bits: int, hidden_size: int) -> None:
        super().__init__()
        self.msg_embeddings = nn.Embedding(2 * bits, hidden_size)

    def forward(self, latents: Tensor, messages: Tensor) -> Tensor:
        """Return float32 [B, C + hidden, H, W] for ``latents`` [B, C, H, W]."""
        rows = 2 * torch.arange(messages.shape[-1], device=messages.device) + messages.long()
        embedding = self.msg_embeddings(rows).sum(dim=-2)
        batch, _, height, width = latents.shape
        spread = embedding[:, :, None, None].expand(batch, -1, height, width)
        return torch.cat([latents, spread], dim=1)


class UNet(nn.Module):
    """A UNet whose bottleneck takes the message."""

    def __init__(
        self,
        *,
        bits: int,
        hidden_size: int,
        channels: int,
        widths: tuple[int, ...],
        num_blocks: int,
        make_activation: type[nn.Module],
        make_normalization: type[nn.Module],
    ) -> None:
        super().__init__()
        kinds = (make_activation, make_normalization)
        self.skip_scale = 2**-0.5
        self.msg_processor = MessageProcessor(bits, hidden_size)
        self.inc = ResnetBlock(channels, widths[0], *kinds)
        self.downs = nn.ModuleList(
            DownBlock(widths[i], widths[i + 1], *kinds) for i in range(len(widths) - 1)
        )
        bottom = widths[-1] + hidden_size
        self.bottleneck = Bottleneck(bottom, num_blocks, *kinds)
        inner = (*widths[1:-1], bottom)
        self.ups = nn.ModuleList(
            UpBlock(2 * inner[i], widths[i], *kinds) for i in reversed(range(len(inner)))
        )
        self.outc = nn.Conv2d(widths[0], channels, kernel_size=1)

    def forward(self, x: Tensor, messages: Tensor) -> Tensor:
        """Return the watermark float32 [B, C, H, W] in -1..1 for ``x`` [B, C, H, W], -1..1."""
        skips = [self.inc(x)]
        for down in self.downs:
            skips.append(down(skips[-1]))
        skips[-1] = self.msg_processor(skips[-1], messages)
        x = self.bottleneck(skips[-1])
        for up in self.ups:
            x = up(torch.cat([x, skips.pop() * self.skip_scale], dim=1))
        return torch.tanh(self.outc(x))


class ResnetBlock(nn.Module):
    """Twice convolution, normalisation, activation; plus a 1x1 convolution of the input."""

    def __init__(
        self, in_channels: int, out_channels: int, act: type[nn.Module], norm: type[nn.Module]
    ) -> None:
        super().__init__()
        self.double_conv = nn.Sequential(
            nn.Conv2d(in_channels, out_channels, kernel_size=3, padding=1, bias=False),
            norm(out_channels),
            act(),
            nn.Conv2d(out_channels, out_channels, kernel_size=3, padding=1, bias=False),
            norm(out_channels),
            act(),
        )
        self.res_conv = nn.Conv2d(in_channels, out_channels, kernel_size=1)

    def forward(self, x: Tensor) -> Tensor:
        """Return float32 [B, out_channels, H, W]."""
        out: Tensor = self.double_conv(x) + self.res_conv(x)
        return out


class DownBlock(nn.Module):
    """Halves the resolution, then a residual block."""

    def __init__(
        self, in_channels: int, out_channels: int, act: type[nn.Module], norm: type[nn.Module]
    ) -> None:
        super().__init__()
        self.down = nn.Conv2d(in_channels, out_channels, kernel_size=3, stride=2, padding=1)
        self.conv = ResnetBlock(out_channels, out_channels, act, norm)

    def forward(self, x: Tensor) -> Tensor:
        """Return float32 [B, out_channels, H / 2, W / 2]."""
        out: Tensor = self.conv(self.down(x))
        return out


class UpBlock(nn.Module):
    """Doubles the resolution, then a residual block."""

    def __init__(
        self, in_channels: int, out_channels: int, act: type[nn.Module], norm: type[nn.Module]
    ) -> None:
        super().__init__()
        self.up = Upsample(in_channels, out_channels, 2, act)
        self.conv = ResnetBlock(out_channels, out_channels, act, norm)

    def forward(self, x: Tensor) -> Tensor:
        """Return float32 [B, out_channels, 2 H, 2 W]."""
        out: Tensor = self.conv(self.up(x))
        return out


class Bottleneck(nn.Module):
    """A chain of residual blocks of one width."""

    def __init__(
        self, channels: int, num_blocks: int, act: type[nn.Module], norm: type[nn.Module]
    ) -> None:
        super().__init__()
        self.model = nn.Sequential(
            *(ResnetBlock(channels, channels, act, norm) for _ in range(num_blocks))
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map float32 [B, C, H, W] to the same shape."""
        out: Tensor = self.model(x)
        return out


def _luma(images: Tensor) -> Tensor:
    """Return float32 [B, 1, H, W] for ``images`` [B, 3, H, W]."""
    weights = images.new_tensor(LUMA)
    return (images * weights[:, None, None]).sum(dim=1, keepdim=True)
