"""The UNet embedder in the form that is exported: same function, and it converts.

Upstream's concatenation of the broadcast message with the feature map fails in the converter's
layout pass. The message embedding is linear in the bits: with E0 and E1 the rows for 0 and 1, the
sum over bits is ``bits @ (E1 - E0) + sum(E0)``. It is spread over the map by concatenating copies;
adding it to zeros of the map's shape would convert to BROADCAST_TO.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

from edgeseal.models import UNetEmbedder

__all__ = ["ExportableUNetEmbedder"]


class ExportableUNetEmbedder(nn.Module):
    """Takes over the weights of a :class:`~edgeseal.models.UNetEmbedder`."""

    def __init__(self, embedder: UNetEmbedder, image_size: int) -> None:
        super().__init__()
        unet: Any = copy.deepcopy(embedder.unet)
        size = image_size >> len(unet.downs)
        unet.msg_processor = _LinearMessage(unet.msg_processor.msg_embeddings, size)
        self.unet = unet

    def forward(self, images: Tensor, messages: Tensor) -> Tensor:
        """Return the watermark float32 [1, H, W, C], -1..1.

        Args:
            images: float32 [1, H, W, C], 0..1.
            messages: float32 [1, bits] of zeros and ones.
        """
        delta: Tensor = self.unet((images * 2 - 1).permute(0, 3, 1, 2), messages)
        return delta.permute(0, 2, 3, 1)


class _LinearMessage(nn.Module):
    def __init__(self, embeddings: nn.Embedding, size: int) -> None:
        super().__init__()
        zeros, ones = embeddings.weight.detach()[0::2], embeddings.weight.detach()[1::2]
        self.linear = nn.Linear(zeros.shape[0], zeros.shape[1])
        self.linear.weight = nn.Parameter((ones - zeros).T.contiguous())
        self.linear.bias = nn.Parameter(zeros.sum(0))
        self.size = size

    def forward(self, latents: Tensor, messages: Tensor) -> Tensor:
        """Return float32 [1, C + hidden, n, n] for ``latents`` [1, C, n, n]."""
        row = torch.cat([self.linear(messages)[:, :, None, None]] * self.size, dim=3)
        return torch.cat([latents, torch.cat([row] * self.size, dim=2)], dim=1)
