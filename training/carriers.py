"""Builds the embedder's patterns and the filters that the detector starts from."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["BITS", "TILE", "band", "build_embedder_state"]

BITS = 96
TILE = 16
LOWEST_FREQUENCY = 0.05
HIGHEST_FREQUENCY = 0.35
WHITENING = 0.5
RESCALING_BLUR = 0.3


def band() -> tuple[Tensor, Tensor]:
    """Return the band of grey tile patterns that survives JPEG.

    Measured on photographs: chroma below 0.10 cycles per pixel survives 4:2:0 JPEG worse than luma
    at 0.35, and luma below 0.05 drowns in the picture. What is left has exactly 96 dimensions.

    Returns:
        basis float32 [96, TILE, TILE], orthonormal cosines and sines, and the frequency of each
        along y and x, float32 [96, 2], in cycles per pixel.
    """
    rows, frequencies = [], []
    y, x = np.mgrid[0:TILE, 0:TILE]
    for ky in range(TILE // 2 + 1):
        for kx in range(-TILE // 2 + 1, TILE // 2 + 1):
            radius = np.hypot(ky, kx) / TILE
            mirrored = ky in (0, TILE // 2) and kx < 0
            if mirrored or not LOWEST_FREQUENCY < radius < HIGHEST_FREQUENCY:
                continue
            phase = 2 * np.pi * (ky * y + kx * x) / TILE
            rows += [np.cos(phase), np.sin(phase)]
            frequencies += [(ky / TILE, kx / TILE)] * 2
    basis = torch.tensor(np.stack(rows), dtype=torch.float32)
    basis = basis / basis.pow(2).sum((1, 2), keepdim=True).sqrt()
    return basis, torch.tensor(frequencies, dtype=torch.float32)


def build_embedder_state(pictures: Tensor, seed: int) -> dict[str, Tensor]:
    """Build the buffers of ``CarrierEmbedder`` for a 96-bit message.

    Args:
        pictures: float32 [N, 3, H, W], RGB, 0..1: sets how much each frequency is whitened.
        seed: of the rotation that spreads every bit over all frequencies.

    Returns:
        float32 ``carriers`` [96, 3, 16, 16], ``received`` and ``filters`` [96, 1, 16, 16] and
        ``unmixing`` [96, 96].
    """
    basis, frequencies = band()
    rotation = _rotation(len(basis), seed)
    strength = _host_rms(pictures, basis).pow(-WHITENING)
    filters = _mix(rotation, basis * (strength / strength.mean())[:, None, None])
    received = _mix(rotation, basis * _blur_gain(frequencies)[:, None, None])
    response = torch.einsum("icyx,jcyx->ij", filters, received)
    return {
        "carriers": _unit_rms(_mix(rotation, basis)).expand(-1, 3, -1, -1).contiguous(),
        "received": received * TILE,
        "filters": filters * 3**0.5,
        "unmixing": torch.linalg.inv(response).T.contiguous(),
    }


def _rotation(size: int, seed: int) -> Tensor:
    """Return a random orthogonal matrix, float32 [size, size]."""
    generator = torch.Generator().manual_seed(seed)
    rotation: Tensor = torch.linalg.qr(torch.randn(size, size, generator=generator))[0]
    return rotation


def _mix(rotation: Tensor, basis: Tensor) -> Tensor:
    """Rotate patterns [N, TILE, TILE] into [N, 1, TILE, TILE]."""
    return (rotation @ basis.reshape(len(basis), -1)).reshape(-1, 1, TILE, TILE)


def _unit_rms(patterns: Tensor) -> Tensor:
    """Scale each pattern [N, C, TILE, TILE] to a root mean square of 1."""
    return patterns / patterns.pow(2).mean((1, 2, 3), keepdim=True).sqrt()


def _host_rms(pictures: Tensor, basis: Tensor) -> Tensor:
    """Return how strong pictures [N, 3, H, W] are along each pattern [96, TILE, TILE]: [96]."""
    grey = pictures.mean(1, keepdim=True)
    return F.conv2d(grey, basis[:, None], stride=TILE).pow(2).mean((0, 2, 3)).sqrt()


def _blur_gain(frequencies: Tensor) -> Tensor:
    """Return what a rescaled picture keeps of each frequency [N, 2], as a [1, 2, 1]-like blur."""
    share = RESCALING_BLUR
    kept: Tensor = (1 - share + share * torch.cos(2 * torch.pi * frequencies)).prod(1)
    return kept
