"""The carrier embedder in the form that is exported: NHWC outside, the plain module inside."""

from __future__ import annotations

from torch import Tensor, nn

from edgeseal.watermark.models import CarrierEmbedder

__all__ = ["ExportableCarrierEmbedder"]


class ExportableCarrierEmbedder(nn.Module):
    """Shares the weights of a :class:`~edgeseal.watermark.models.CarrierEmbedder`."""

    def __init__(self, embedder: CarrierEmbedder) -> None:
        super().__init__()
        self.embedder = embedder

    def forward(self, images: Tensor, messages: Tensor) -> Tensor:
        """Return the watermark float32 [1, H, W, 3], -1..1.

        Args:
            images: float32 [1, H, W, 3], RGB, 0..1.
            messages: float32 [1, bits] of zeros and ones.
        """
        delta: Tensor = self.embedder(images.permute(0, 3, 1, 2), messages)
        return delta.permute(0, 2, 3, 1)
