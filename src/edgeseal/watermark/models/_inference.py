"""A PyTorch detector behind the interface of the LiteRT one."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

__all__ = ["TorchDetector"]


class TorchDetector:
    """Reads messages with a plain detector, as upstream does."""

    def __init__(self, module: nn.Module) -> None:
        """Wrap ``module``: float32 [B, 3, H, W] in 0..1 -> logits [B, 1 + bits]."""
        self._module = module.eval()

    def logits(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return float32 [N, bits] (without index 0) for pictures float32 [N, H, W, 3] in 0..1."""
        with torch.inference_mode():
            pictures = torch.from_numpy(batch).permute(0, 3, 1, 2)
            results = [self._module(picture[None]) for picture in pictures]
        logits: NDArray[np.float32] = torch.cat(results)[:, 1:].numpy()
        return logits
