"""What torchvision computes, in plain PyTorch, for upstream's attacks to call.

torchvision does not install beside the PyTorch of this project. Its documented formulas are few:
blends with a grey value, a convolution, an antialiased resize, and grids for
``grid_sample``.
"""

from __future__ import annotations

import colorsys
import math
import types
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

__all__ = ["functional_module", "transforms_module"]


def hflip(image: Tensor) -> Tensor:
    return image.flip(-1)


def crop(image: Tensor, top: int, left: int, height: int, width: int) -> Tensor:
    return image[..., top : top + height, left : left + width]


def resize(image: Tensor, size: tuple[int, int], antialias: bool) -> Tensor:
    return functional.interpolate(image, size, mode="bilinear", antialias=antialias)


def rotate(image: Tensor, angle: float, expand: bool = False) -> Tensor:
    """Against the clock about the centre, nearest pixel, black outside."""
    if expand:
        assert angle % 90 == 0
        return torch.rot90(image, int(angle // 90), (-2, -1))
    height, width = image.shape[-2:]
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    theta = torch.tensor(
        [[[cos, -sin * height / width, 0], [sin * width / height, cos, 0]]], dtype=torch.float64
    )
    grid = functional.affine_grid(theta, [1, 3, height, width], align_corners=False)
    return _read(image, grid, "nearest")


def perspective(image: Tensor, startpoints: Any, endpoints: Any) -> Tensor:
    """Bilinear, black outside; the map goes from the new corners to the old ones."""
    height, width = image.shape[-2:]
    rows, values = [], []
    for (x, y), (u, v) in zip(endpoints, startpoints, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    system = torch.tensor(rows, dtype=torch.float64)
    found = torch.linalg.solve(system, torch.tensor(values, dtype=torch.float64))
    matrix = torch.cat([found, torch.ones(1, dtype=torch.float64)]).reshape(3, 3)
    y, x = torch.meshgrid(
        torch.arange(height, dtype=torch.float64) + 0.5,
        torch.arange(width, dtype=torch.float64) + 0.5,
        indexing="ij",
    )
    mapped = torch.stack([x, y, torch.ones_like(x)], -1) @ matrix.T
    places = mapped[..., :2] / mapped[..., 2:]
    grid = places / torch.tensor([width / 2, height / 2], dtype=torch.float64) - 1
    return _read(image, grid[None], "bilinear")


def gaussian_blur(image: Tensor, side: int) -> Tensor:
    sigma = 0.3 * ((side - 1) * 0.5 - 1) + 0.8
    places = torch.linspace(-(side - 1) / 2, (side - 1) / 2, side, dtype=torch.float64)
    weights = torch.exp(-0.5 * (places / sigma) ** 2)
    weights = weights / weights.sum()
    kernel = torch.outer(weights, weights).expand(3, 1, side, side)
    padded = functional.pad(image.double(), [side // 2] * 4, mode="reflect")
    return functional.conv2d(padded, kernel, groups=3).float()


def adjust_brightness(image: Tensor, factor: float) -> Tensor:
    return (factor * image).clamp(0, 1)


def adjust_contrast(image: Tensor, factor: float) -> Tensor:
    mean = _grey(image).mean((-3, -2, -1), keepdim=True)
    return (factor * image + (1 - factor) * mean).clamp(0, 1)


def adjust_saturation(image: Tensor, factor: float) -> Tensor:
    return (factor * image + (1 - factor) * _grey(image)).clamp(0, 1)


def adjust_hue(image: Tensor, turns: float) -> Tensor:
    """Pixel by pixel with Python's own conversion."""
    turned = torch.empty_like(image)
    for row in range(image.shape[-2]):
        for column in range(image.shape[-1]):
            hue, saturation, value = colorsys.rgb_to_hsv(*image[0, :, row, column].tolist())
            rgb = colorsys.hsv_to_rgb((hue + turns) % 1, saturation, value)
            turned[0, :, row, column] = torch.tensor(rgb)
    return turned


def functional_module() -> types.ModuleType:
    """Return ``torchvision.transforms.functional``."""
    module = types.ModuleType("torchvision.transforms.functional")
    for function in (
        hflip, crop, resize, rotate, perspective, gaussian_blur, adjust_brightness,
        adjust_contrast, adjust_saturation, adjust_hue,
    ):  # fmt: skip
        setattr(module, function.__name__, function)
    return module


class RandomCrop:
    """Its choice of a place: the one that a test sets."""

    place = (0, 0)

    @classmethod
    def get_params(cls, image: Tensor, output_size: tuple[int, int]) -> tuple[int, int, int, int]:
        return (*cls.place, *output_size)


class ToPILImage:
    def __call__(self, image: Tensor) -> Image.Image:
        return Image.fromarray(image.mul(255).byte().permute(1, 2, 0).numpy())


class ToTensor:
    def __call__(self, image: Image.Image) -> Tensor:
        return torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1).float() / 255


def transforms_module() -> types.ModuleType:
    """Return ``torchvision.transforms``."""
    module = types.ModuleType("torchvision.transforms")
    for kind in (RandomCrop, ToPILImage, ToTensor):
        setattr(module, kind.__name__, kind)
    module.functional = functional_module()  # type: ignore[attr-defined]
    return module


def _grey(image: Tensor) -> Tensor:
    red, green, blue = image.unbind(-3)
    return (0.2989 * red + 0.587 * green + 0.114 * blue).unsqueeze(-3)


def _read(image: Tensor, grid: Tensor, mode: str) -> Tensor:
    read = functional.grid_sample(
        image.double(), grid, mode=mode, padding_mode="zeros", align_corners=False
    )
    return read.float()
