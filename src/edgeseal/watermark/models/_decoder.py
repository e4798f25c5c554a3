"""The pixel decoder at the end of every detector of the VideoSeal family.

The same computation and parameter names as upstream's ``videoseal.modules.pixel_decoder`` (licence
MIT) without pixelwise output.
"""

from __future__ import annotations

from torch import Tensor, nn

from edgeseal.watermark.models._torch_layers import Upsample

__all__ = ["PixelDecoder"]


class PixelDecoder(nn.Module):
    """One convolution at the encoder's resolution, global average, linear layer to logits."""

    def __init__(self, *, channels: int, bits: int) -> None:
        super().__init__()
        self.output_upscaling = nn.Sequential(Upsample(channels, channels, 1, nn.GELU))
        self.linear = nn.Linear(channels, bits + 1)

    def forward(self, features: Tensor) -> Tensor:
        """Return logits float32 [B, 1 + bits] for ``features`` float32 [B, C, H, W]."""
        logits: Tensor = self.linear(self.output_upscaling(features).mean(dim=(-2, -1)))
        return logits
