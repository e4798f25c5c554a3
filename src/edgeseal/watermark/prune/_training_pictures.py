"""Pictures to learn from: nobody's data, marked so that the message has something to survive in.

Half are crops of the bundled photographs, half are drawn: noise with the spectrum of photographs,
and leaves that cover each other. A detector looks for a signal of one or two grey levels, so most
pictures carry one: drawn by the checkpoint's own embedder, or, without one, a step along the
detector's own gradient towards a random message.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from torch import Tensor, nn

from edgeseal.data import photo_paths
from edgeseal.watermark.cards import Card

__all__ = ["Marker", "PictureSource", "embedder_marker", "gradient_marker"]

Picture = NDArray[np.float32]
Marker: TypeAlias = Callable[[Tensor, np.random.Generator], Tensor]
"""Pictures float32 [B, 3, H, W], RGB, 0..1, and a source of randomness -> the same, marked."""

_PSNR_DB = (36.0, 44.0)
_UNMARKED_SHARE = 0.15
_TINY = 1e-12


class PictureSource:
    """Draws batches of marked and then damaged pictures; batch ``n`` is always the same.

    Args:
        image_size: side of the square pictures, in pixels.
        marker: puts a message in.
        seed: of everything random.
    """

    def __init__(self, image_size: int, marker: Marker, seed: int) -> None:
        self.image_size = image_size
        self.marker = marker
        self.seed = seed
        self.photos = []
        for path in photo_paths():
            with Image.open(path) as photo:
                self.photos.append(photo.convert("RGB"))

    def batch(self, number: int, size: int, *, stream: int = 0) -> Tensor:
        """Return pictures float32 [size, 3, H, W], RGB, 0..1.

        Args:
            number: of the batch.
            size: pictures in it.
            stream: 0 to learn from; another for measurements, with other pictures in it.
        """
        rng = np.random.default_rng((self.seed, stream, number))
        clean = torch.stack([_tensor(self._draw(rng)) for _ in range(size)])
        marked = self.marker(clean, rng)
        unmarked = torch.from_numpy(rng.random(size) < _UNMARKED_SHARE)[:, None, None, None]
        stored = _stored(torch.where(unmarked, clean, marked))
        return torch.stack([_damaged(picture, rng) for picture in stored])

    def _draw(self, rng: np.random.Generator) -> Picture:
        kind = rng.random()
        if kind < 0.5:
            return self._crop(rng)
        return _noise(rng, self.image_size) if kind < 0.75 else _leaves(rng, self.image_size)

    def _crop(self, rng: np.random.Generator) -> Picture:
        photo = self.photos[rng.integers(len(self.photos))]
        sides = [int(rng.integers(min(self.image_size, side), side + 1)) for side in photo.size]
        left, top = (
            int(rng.integers(side - own + 1)) for side, own in zip(photo.size, sides, strict=True)
        )
        box = (left, top, left + sides[0], top + sides[1])
        size = (self.image_size, self.image_size)
        crop = photo.resize(size, Image.Resampling.BILINEAR, box)
        if rng.random() < 0.5:
            crop = crop.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        picture: Picture = np.asarray(crop, np.float32) / np.float32(255)
        return picture


def embedder_marker(card: Card, embedder: nn.Module) -> Marker:
    """Mark as the checkpoint's own embedder does, at the size of the model.

    The strength is scaled to a random PSNR, which the attenuation map would otherwise set.
    """

    def mark(pictures: Tensor, rng: np.random.Generator) -> Tensor:
        messages = torch.from_numpy(rng.integers(0, 2, (len(pictures), card.bits))).float()
        with torch.no_grad():
            delta = embedder(pictures, messages)
        return pictures + _scaled(delta, rng)

    return mark


def gradient_marker(card: Card, detector: nn.Module) -> Marker:
    """Mark with what the detector itself answers to: its gradient for a random message."""

    def mark(pictures: Tensor, rng: np.random.Generator) -> Tensor:
        messages = torch.from_numpy(rng.integers(0, 2, (len(pictures), card.bits))).float()
        leaf = pictures.clone().requires_grad_(True)
        with torch.enable_grad():
            wanted = (detector(leaf)[:, 1:] * (messages * 2 - 1)).sum()
            (delta,) = torch.autograd.grad(wanted, leaf)
        return pictures + _scaled(delta, rng)

    return mark


def _scaled(delta: Tensor, rng: np.random.Generator) -> Tensor:
    """Scale each watermark to a random PSNR."""
    decibels = rng.uniform(*_PSNR_DB, (len(delta), 1, 1, 1))
    amplitude = torch.from_numpy(10 ** (-decibels / 20)).float()
    rms = delta.square().mean((1, 2, 3), keepdim=True).sqrt()
    return amplitude * delta / (rms + _TINY)


def _damaged(picture: Tensor, rng: np.random.Generator) -> Tensor:
    """Do to a picture [3, H, W] what happens to pictures on their way, or nothing."""
    kind = rng.random()
    if kind < 0.35:
        return picture
    if kind < 0.65:
        return _jpeg(picture, int(rng.integers(40, 96)))
    if kind < 0.80:
        return _rescaled(picture, float(rng.uniform(0.5, 0.95)))
    if kind < 0.90:
        toned = (picture - 0.5) * rng.uniform(0.75, 1.3) + 0.5 + rng.uniform(-0.12, 0.12)
        return _stored(toned)
    grain = rng.standard_normal(tuple(picture.shape)).astype(np.float32)
    return _stored(picture + float(rng.uniform(0.005, 0.03)) * torch.from_numpy(grain))


def _jpeg(picture: Tensor, quality: int) -> Tensor:
    stored = io.BytesIO()
    _image(picture).save(stored, "JPEG", quality=quality, subsampling="4:2:0")
    with Image.open(stored) as image:
        return _tensor(np.asarray(image, np.float32) / np.float32(255))


def _rescaled(picture: Tensor, factor: float) -> Tensor:
    image = _image(picture)
    small = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
    back = image.resize(small, Image.Resampling.BILINEAR).resize(
        image.size, Image.Resampling.BILINEAR
    )
    return _tensor(np.asarray(back, np.float32) / np.float32(255))


def _noise(rng: np.random.Generator, size: int) -> Picture:
    """Draw noise whose spectrum falls like 1 / f^a, as that of photographs does."""
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.fftfreq(size)[None])
    slope = rng.uniform(0.7, 1.6)
    spectrum = np.fft.fft2(rng.standard_normal((3, size, size)))
    planes = np.fft.ifft2(spectrum / np.maximum(frequency, 1 / size) ** slope).real
    planes /= planes.std((1, 2), keepdims=True)
    mixed = planes[:1] + rng.uniform(0, 0.6) * planes
    offset = rng.uniform(0.2, 0.8, (3, 1, 1))
    picture = np.clip(offset + rng.uniform(0.03, 0.25) * mixed, 0, 1)
    return np.ascontiguousarray(np.moveaxis(picture, 0, -1), np.float32)


def _leaves(rng: np.random.Generator, size: int) -> Picture:
    """Draw ellipses of many sizes that cover each other, a model of natural scenes."""
    image = Image.new("RGB", (size, size), _colour(rng))
    draw = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(60, 400))):
        radius = min(size / 2, 3 / rng.uniform(0.01, 1) * size / 256)
        x, y = rng.uniform(0, size, 2)
        flat = radius * rng.uniform(0.4, 1)
        draw.ellipse((x - radius, y - flat, x + radius, y + flat), fill=_colour(rng))
    grain = rng.normal(0, rng.uniform(0, 0.03), (size, size, 1))
    picture = np.clip(np.asarray(image, np.float64) / 255 + grain, 0, 1)
    return picture.astype(np.float32)


def _colour(rng: np.random.Generator) -> tuple[int, int, int]:
    """Return a random colour, more often dull than bright."""
    grey = rng.uniform(10, 245)
    red, green, blue = np.clip(grey + rng.normal(0, 30, 3), 0, 255).astype(int)
    return int(red), int(green), int(blue)


def _stored(pictures: Tensor) -> Tensor:
    """Round to 8 bits, as a saved file does."""
    return (pictures.clamp(0, 1) * 255).round() / 255


def _tensor(picture: Picture) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1).contiguous()


def _image(picture: Tensor) -> Image.Image:
    pixels = (picture.clamp(0, 1) * 255).round().to(torch.uint8)
    return Image.fromarray(pixels.permute(1, 2, 0).contiguous().numpy())
