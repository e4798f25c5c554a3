"""Training pictures: the public-domain photographs beside this file, and procedural ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from torch import Tensor

__all__ = ["Pictures", "read_picture", "resize"]

PHOTOS = Path(__file__).parent / "photos"
PROCEDURAL_SHARE = 0.5


class Pictures:
    """Draws random square pictures: crops of photographs, mirrored, and procedural scenes.

    Args:
        generator: numpy's random generator; all randomness comes from it.
        folder: photographs to crop from.
    """

    def __init__(self, generator: np.random.Generator, folder: Path = PHOTOS) -> None:
        self.generator = generator
        self.photos = [Image.open(path).convert("RGB") for path in sorted(folder.iterdir())]
        if not self.photos:
            raise FileNotFoundError(f"no photographs in {folder}")

    def draw(self, count: int, size: int) -> Tensor:
        """Return ``count`` pictures as float32 [count, 3, size, size], RGB, 0..1."""
        return torch.stack([self._one(size) for _ in range(count)])

    def _one(self, size: int) -> Tensor:
        if self.generator.random() < PROCEDURAL_SHARE:
            return _procedural(self.generator, size)
        photo = self.photos[self.generator.integers(len(self.photos))]
        return _to_tensor(self._crop(photo, size))

    def _crop(self, photo: Image.Image, size: int) -> Image.Image:
        """Cut a random rectangle, squeeze it to a square, mirror it half of the time."""
        width, height = photo.size
        smallest = min(size, width, height)
        crop_width = int(self.generator.integers(smallest, width + 1))
        crop_height = int(self.generator.integers(smallest, height + 1))
        left = int(self.generator.integers(width - crop_width + 1))
        top = int(self.generator.integers(height - crop_height + 1))
        box = (left, top, left + crop_width, top + crop_height)
        cropped = photo.resize((size, size), Image.Resampling.BILINEAR, box)
        if self.generator.random() < 0.5:
            cropped = cropped.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        return cropped


def read_picture(path: Path) -> Tensor:
    """Read a picture as float32 [1, 3, H, W], RGB, 0..1."""
    with Image.open(path) as image:
        return _to_tensor(image.convert("RGB"))[None]


def resize(images: Tensor, height: int, width: int) -> Tensor:
    """Resize float32 [B, C, H, W] with upstream's antialiased bilinear filter."""
    return torch.nn.functional.interpolate(
        images, size=(height, width), mode="bilinear", align_corners=False, antialias=True
    )


def _to_tensor(image: Image.Image) -> Tensor:
    """Turn an RGB image into float32 [3, H, W], 0..1."""
    return torch.from_numpy(np.asarray(image, dtype=np.float32) / 255).permute(2, 0, 1)


def _procedural(generator: np.random.Generator, size: int) -> Tensor:
    """Return one synthetic picture, float32 [3, size, size], 0..1."""
    makers = (_noise, _leaves, _gradient, _text)
    array = makers[generator.integers(len(makers))](generator, size)
    return torch.from_numpy(array.astype(np.float32).clip(0, 1)).permute(2, 0, 1).contiguous()


def _noise(generator: np.random.Generator, size: int) -> NDArray[np.float64]:
    """Coloured noise whose spectrum falls like 1 / f^a, as that of photographs does."""
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.fftfreq(size)[None])
    slope = generator.uniform(0.7, 1.6)
    filter_ = (1 / np.maximum(frequency, 1 / size)) ** slope
    waves = np.fft.fft2(generator.standard_normal((3, size, size))) * filter_
    planes = np.real(np.fft.ifft2(waves))
    planes = planes / planes.std((1, 2), keepdims=True)
    mixed = planes[:1] + generator.uniform(0, 0.6) * planes
    contrast = generator.uniform(0.03, 0.25)
    offset = generator.uniform(0.2, 0.8, (3, 1, 1))
    picture: NDArray[np.float64] = np.moveaxis(offset + contrast * mixed, 0, -1)
    return picture


def _leaves(generator: np.random.Generator, size: int) -> NDArray[np.float64]:
    """Dead leaves: ellipses of many sizes that cover each other (a model of natural scenes)."""
    image = Image.new("RGB", (size, size), _colour(generator))
    draw = ImageDraw.Draw(image)
    for _ in range(int(generator.integers(60, 400))):
        radius = min(size / 2, 3 / generator.uniform(0.01, 1) * size / 256)
        x, y = generator.uniform(0, size, 2)
        ratio = generator.uniform(0.4, 1)
        box = (x - radius, y - radius * ratio, x + radius, y + radius * ratio)
        draw.ellipse(box, fill=_colour(generator))
    grain = generator.normal(0, generator.uniform(0, 0.03), (size, size, 1))
    return np.asarray(image, dtype=np.float64) / 255 + grain


def _gradient(generator: np.random.Generator, size: int) -> NDArray[np.float64]:
    """A smooth sky-like gradient with a little grain."""
    y, x = np.mgrid[0:size, 0:size] / size
    slopes = generator.uniform(-0.6, 0.6, (2, 3))
    smooth = generator.uniform(0.05, 0.95, 3) + y[..., None] * slopes[0] + x[..., None] * slopes[1]
    grain = generator.normal(0, generator.uniform(0, 0.012), (size, size, 3))
    picture: NDArray[np.float64] = smooth + grain
    return picture


def _text(generator: np.random.Generator, size: int) -> NDArray[np.float64]:
    """Rows of characters on paper or on a screen."""
    paper, ink = _colour(generator), _colour(generator)
    image = Image.new("RGB", (size, size), paper)
    draw = ImageDraw.Draw(image)
    step = int(generator.integers(10, 34))
    for top in range(0, size, step):
        letters = "".join(chr(code) for code in generator.integers(33, 123, size // 4))
        draw.text((int(generator.integers(0, 20)), top), letters, fill=ink, font_size=step * 0.8)
    return np.asarray(image, dtype=np.float64) / 255


def _colour(generator: np.random.Generator) -> tuple[int, int, int]:
    """Return a random colour that is more often dull than bright."""
    grey = generator.uniform(10, 245)
    red, green, blue = np.clip(grey + generator.normal(0, 30, 3), 0, 255).astype(int)
    return int(red), int(green), int(blue)
