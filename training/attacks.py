"""What happens to a marked picture on its way: compression, rescaling, edits."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from pictures import resize

__all__ = ["EVALUATION_ATTACKS", "attack_at_random", "jpeg", "quantized"]


def quantized(image: Tensor) -> Tensor:
    """Clamp to 0..1 and round to 8 bits, as a saved file does."""
    return (image.clamp(0, 1) * 255).round() / 255


def jpeg(image: Tensor, quality: int, subsampling: int = 2) -> Tensor:
    """Compress float32 [1, 3, H, W] with Pillow; subsampling 2 is 4:2:0, 0 is 4:4:4."""
    array = (quantized(image)[0].permute(1, 2, 0) * 255).to(torch.uint8).numpy()
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "JPEG", quality=quality, subsampling=subsampling)
    decoded = np.asarray(Image.open(buffer), dtype=np.float32) / 255
    return torch.from_numpy(decoded).permute(2, 0, 1)[None]


def scale(image: Tensor, factor: float) -> Tensor:
    """Resize float32 [1, 3, H, W] to ``factor`` times its sides."""
    height, width = image.shape[-2:]
    return quantized(resize(image, round(height * factor), round(width * factor)))


def tone(image: Tensor, brightness: float, contrast: float) -> Tensor:
    """Change contrast around mid grey, then add brightness (0..1 scale)."""
    return quantized((image - 0.5) * contrast + 0.5 + brightness)


def noise(image: Tensor, sigma: float, generator: np.random.Generator) -> Tensor:
    """Add Gaussian noise of standard deviation ``sigma`` (0..1 scale)."""
    grain = generator.standard_normal(tuple(image.shape)).astype(np.float32)
    return quantized(image + sigma * torch.from_numpy(grain))


def blur(image: Tensor, sigma: float) -> Tensor:
    """Blur float32 [1, 3, H, W] with a Gaussian of ``sigma`` pixels."""
    reach = max(1, int(3 * sigma + 0.5))
    offsets = torch.arange(-reach, reach + 1, dtype=torch.float32)
    kernel = torch.exp(-0.5 * (offsets / sigma) ** 2)
    kernel = (kernel / kernel.sum()).expand(3, 1, 1, -1)
    padded = F.pad(image, (reach, reach, reach, reach), mode="reflect")
    rows = F.conv2d(padded, kernel, groups=3)
    return quantized(F.conv2d(rows, kernel.transpose(2, 3), groups=3))


def cut_out(image: Tensor, kept_area: float, generator: np.random.Generator) -> Tensor:
    """Keep a rectangle of ``kept_area`` (share of the picture) in its place, blacken the rest."""
    height, width = image.shape[-2:]
    side = kept_area**0.5
    kept_height, kept_width = round(height * side), round(width * side)
    top = int(generator.integers(height - kept_height + 1))
    left = int(generator.integers(width - kept_width + 1))
    out = torch.zeros_like(image)
    rows, columns = slice(top, top + kept_height), slice(left, left + kept_width)
    out[:, :, rows, columns] = image[:, :, rows, columns]
    return out


def crop(image: Tensor, kept_area: float, generator: np.random.Generator) -> Tensor:
    """Cut out a rectangle of ``kept_area``; the detector will stretch it to its input size."""
    height, width = image.shape[-2:]
    side = kept_area**0.5
    kept_height, kept_width = round(height * side), round(width * side)
    top = int(generator.integers(height - kept_height + 1))
    left = int(generator.integers(width - kept_width + 1))
    return image[:, :, top : top + kept_height, left : left + kept_width]


def attack_at_random(image: Tensor, generator: np.random.Generator) -> Tensor:
    """Apply one training attack, and JPEG on top of it in a third of the cases.

    Args:
        image: float32 [1, 3, H, W], RGB, 0..1, already rounded to 8 bits.
        generator: numpy's random generator.

    Returns:
        float32 [1, 3, H', W'].
    """
    kind = generator.random()
    if kind < 0.2:
        return image
    if kind < 0.55:
        return _random_jpeg(image, generator)
    if kind < 0.66:
        image = scale(image, generator.uniform(0.5, 1.5))
    elif kind < 0.77:
        image = tone(image, generator.uniform(-0.15, 0.15), generator.uniform(0.7, 1.4))
    elif kind < 0.85:
        image = noise(image, generator.uniform(0.005, 0.035), generator)
    elif kind < 0.91:
        image = blur(image, generator.uniform(0.3, 1.2))
    else:
        image = cut_out(image, generator.uniform(0.5, 1.0), generator)
    return _random_jpeg(image, generator) if generator.random() < 0.33 else image


def _random_jpeg(image: Tensor, generator: np.random.Generator) -> Tensor:
    subsampling = 2 if generator.random() < 0.75 else 0
    return jpeg(image, int(generator.integers(40, 96)), subsampling)


Attack = Callable[[Tensor, np.random.Generator], Tensor]
EVALUATION_ATTACKS: dict[str, Attack] = {
    "clean": lambda image, _: image,
    "JPEG 75": lambda image, _: jpeg(image, 75),
    "JPEG 50": lambda image, _: jpeg(image, 50),
    "resize 70 %": lambda image, _: scale(image, 0.7),
    "resize 150 %": lambda image, _: scale(image, 1.5),
    "brightness +0.08, contrast 1.2": lambda image, _: tone(image, 0.08, 1.2),
    "brightness -0.10, contrast 0.8": lambda image, _: tone(image, -0.1, 0.8),
    "noise 6/255": lambda image, generator: noise(image, 6 / 255, generator),
    "blur 1.0 px": lambda image, _: blur(image, 1.0),
    "cut-out, 74 % kept in place": lambda image, generator: cut_out(image, 0.74, generator),
    "crop, 97 % kept, stretched": lambda image, generator: crop(image, 0.97, generator),
    "crop, 74 % kept, stretched": lambda image, generator: crop(image, 0.74, generator),
}
