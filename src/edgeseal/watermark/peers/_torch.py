"""PyTorch, eager and compiled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseal.tflite.benchmark import Run
from edgeseal.watermark.peers._peer_weights import PeerWeights

__all__ = ["TorchEngine"]


@dataclass(frozen=True, slots=True)
class TorchEngine:
    """The plain definition, as upstream runs it.

    Attributes:
        weights: what to load.
        threads: that it may use.
        compiled: whether ``torch.compile`` with its default backend goes over it.
    """

    weights: PeerWeights
    threads: int = 1
    compiled: bool = False

    @property
    def model(self) -> str:
        return str(self.weights)

    @property
    def name(self) -> str:
        return "PyTorch compiled" if self.compiled else "PyTorch"

    @property
    def libraries(self) -> tuple[str, ...]:
        return ("torch", "edgeseal.watermark.models._checkpoint")

    @property
    def size_bytes(self) -> None:
        """A checkpoint holds more than this network."""

    def load(self) -> Run:
        """Read the weights, channels last, which PyTorch recommends for convolutions."""
        import torch

        torch.set_num_threads(self.threads)
        module: Any = self.weights.load().module.eval()
        module = module.to(memory_format=torch.channels_last)
        if self.compiled:
            module = torch.compile(module)

        def run(values: tuple[NDArray[Any], ...]) -> NDArray[np.float32]:
            with torch.inference_mode():
                picture, *others = (torch.from_numpy(value) for value in values)
                # a view: NHWC memory seen as NCHW is channels last
                result = module(picture.permute(0, 3, 1, 2), *others)
                if result.ndim == 4:
                    result = result.permute(0, 2, 3, 1)
                found: NDArray[np.float32] = result.contiguous().numpy()
                return found

        return run
