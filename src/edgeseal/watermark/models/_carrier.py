"""The carrier embedder: an informed spread-spectrum watermark written as a small graph.

One fixed pattern ("carrier") of 16 x 16 pixels stands for each bit. The sum of all carriers, each
with the sign of its bit, is tiled over the picture and weighted by local activity. Plain spread
spectrum has to shout over the picture's own correlation with the carriers; here the embedder
measures that correlation with the filters that the detector starts from, and spends its energy on
the bits that the picture works against (improved spread spectrum: Malvar and Florencio, IEEE
Transactions on Signal Processing 51(4), 2003).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["CarrierEmbedder"]

_RESPONSE_FLOOR = 1e-4
_TINY = 1e-8


class CarrierEmbedder(nn.Module):
    """Draws a message into a picture of fixed size.

    The parameters are buffers, loaded from a checkpoint's ``embedder.*`` keys:

    - ``carriers`` float32 [bits, 3, tile, tile]: orthogonal patterns of unit RMS.
    - ``received`` float32 [bits, 1, tile, tile]: their grey part after the loss of a typical
      rescaling, as the detector will see them (only with ``cancellation``).
    - ``filters`` float32 [bits, 1, tile, tile]: what the detector correlates grey patches with
      (only with ``cancellation``).
    - ``unmixing`` float32 [bits, bits]: undoes the cross-talk of ``filters`` and ``received``
      (only with ``cancellation``).

    Args:
        bits: message length.
        image_size: side of the square input, in pixels; a multiple of ``tile_size``.
        tile_size: side of a carrier, in pixels; equals the detector's patch.
        psnr_db: peak signal-to-noise ratio of the marked picture at ``image_size``, in decibels.
        cancellation: measure and cancel the picture's own correlation. Without it, this is plain
            spread spectrum and needs ``carriers`` alone.
        passes: how often the correlation is measured and corrected.
        mask_floor: weight of the watermark on a flat surface.
        mask_gain: growth of that weight with local activity (0..1 scale).
        mask_ceiling: upper limit of that weight.
    """

    carriers: Tensor
    received: Tensor
    filters: Tensor
    unmixing: Tensor

    def __init__(
        self,
        *,
        bits: int,
        image_size: int,
        tile_size: int = 16,
        psnr_db: float = 40.5,
        cancellation: bool = True,
        passes: int = 2,
        mask_floor: float = 0.5,
        mask_gain: float = 12.0,
        mask_ceiling: float = 1.8,
    ) -> None:
        super().__init__()
        self.bits = bits
        self.image_size = image_size
        self.tile_size = tile_size
        self.amplitude = float(10.0 ** (-psnr_db / 20.0))
        self.passes = passes if cancellation else 0
        self.mask_floor = mask_floor
        self.mask_gain = mask_gain
        self.mask_ceiling = mask_ceiling
        self.register_buffer("carriers", torch.zeros(bits, 3, tile_size, tile_size))
        if cancellation:
            self.register_buffer("received", torch.zeros(bits, 1, tile_size, tile_size))
            self.register_buffer("filters", torch.zeros(bits, 1, tile_size, tile_size))
            self.register_buffer("unmixing", torch.zeros(bits, bits))

    def forward(self, images: Tensor, message: Tensor) -> Tensor:
        """Return the watermark to add to a picture.

        Args:
            images: float32 [B, 3, image_size, image_size], RGB, 0..1.
            message: float32 [B, bits], each 0 or 1.

        Returns:
            float32 [B, 3, image_size, image_size] in -1..1; the marked picture is
            ``clamp(images + delta, 0, 1)``.
        """
        signs = message * 2 - 1
        mask = self._activity_mask(images)
        if not self.passes:
            return self.amplitude * mask * self._tiled(signs, self.carriers)
        weights = self._informed_weights(images, signs, mask)
        delta = mask * self._tiled(weights, self.carriers)
        return self.amplitude * delta / _rms(delta)

    def _activity_mask(self, images: Tensor) -> Tensor:
        """Return where the watermark hides: float32 [B, 1, H, W] of unit RMS for images 0..1."""
        grey = images.mean(1, keepdim=True)
        activity = _local_mean((grey - _local_mean(grey)).abs())
        mask = (self.mask_floor + self.mask_gain * activity).clamp(max=self.mask_ceiling)
        return mask / _rms(mask)

    def _informed_weights(self, images: Tensor, signs: Tensor, mask: Tensor) -> Tensor:
        """Choose how loudly each carrier is drawn, so that all bits end equally safe.

        Args:
            images: float32 [B, 3, H, W], RGB, 0..1.
            signs: float32 [B, bits], each -1 or 1.
            mask: float32 [B, 1, H, W], unit RMS.

        Returns:
            float32 [B, bits] with the signs of ``signs`` (or 0) and unit RMS.
        """
        grey = images.mean(1, keepdim=True)
        host = self._response(grey)
        weights = signs
        for _ in range(self.passes):
            pattern = mask * self._tiled(weights, self.received)
            marked = (grey + self.amplitude * pattern).clamp(0.0, 1.0)
            response = self._response(marked)
            gained = (response - host) @ self.unmixing
            gain = (gained * weights).mean(1, keepdim=True)
            margin = signs * response
            missing = signs * (margin.mean(1, keepdim=True) - margin)
            step = (missing @ self.unmixing) / gain.clamp(min=_TINY)
            weights = signs * F.relu(signs * (weights + step))
            weights = weights / torch.sqrt(weights.pow(2).mean(1, keepdim=True) + _TINY)
        return weights

    def _response(self, grey: Tensor) -> Tensor:
        """Return what the detector starts from: float32 [B, bits] for grey [B, 1, H, W], 0..1.

        Every patch's correlations are divided by their own RMS before the average, as the layer
        normalisation in the detector's neck does, so that no busy patch outvotes the others.
        """
        patches = F.conv2d(grey, self.filters, stride=self.tile_size)
        energy = patches.pow(2).mean(1, keepdim=True)
        return (patches / torch.sqrt(energy + _RESPONSE_FLOOR)).mean((2, 3))

    def _tiled(self, weights: Tensor, patterns: Tensor) -> Tensor:
        """Return the weighted sum of patterns, repeated over the picture, of about unit RMS.

        Args:
            weights: float32 [B, bits].
            patterns: float32 [bits, C, tile, tile].

        Returns:
            float32 [B, C, image_size, image_size].
        """
        count, channels, side, _ = patterns.shape
        scaled = patterns.reshape(count, -1) * count**-0.5
        tile = (weights @ scaled).reshape(-1, channels, side, side)
        repeats = self.image_size // self.tile_size
        row = torch.cat([tile] * repeats, dim=3)
        return torch.cat([row] * repeats, dim=2)


def _local_mean(x: Tensor) -> Tensor:
    """Average float32 [B, 1, H, W] over 7 x 7 pixels, zeros beyond the border counted."""
    return F.avg_pool2d(F.pad(x, (3, 3, 3, 3)), 7, stride=1)


def _rms(x: Tensor) -> Tensor:
    """Return the root mean square of each picture, float32 [B, 1, 1, 1] for [B, C, H, W]."""
    return torch.sqrt(x.pow(2).mean((1, 2, 3), keepdim=True) + _TINY)
