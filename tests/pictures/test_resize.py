"""The resize is PyTorch's antialiased bilinear."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from edgeseal.errors import UsageError
from edgeseal.pictures import resize

SIZES = [
    ((60, 90), (60, 90)),
    ((300, 200), (256, 256)),
    ((1080, 1920), (256, 256)),
    ((17, 1), (256, 256)),
    ((1, 1), (256, 256)),
    ((1, 777), (256, 256)),
    ((256, 256), (1080, 641)),
    ((256, 256), (255, 257)),
    ((256, 256), (1, 7)),
]


def oracle(image: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float64]:
    """Resize with PyTorch, in double precision.

    In single precision PyTorch rounds the source positions: up to 3e-5 off where it enlarges.
    """
    torch = pytest.importorskip("torch")
    planes = torch.from_numpy(image).double().permute(2, 0, 1)[None]
    resized = torch.nn.functional.interpolate(
        planes, size=size, mode="bilinear", align_corners=False, antialias=True
    )
    result: NDArray[np.float64] = resized[0].permute(1, 2, 0).numpy()
    return result


@pytest.mark.parametrize(("before", "after"), SIZES)
def test_result_equals_torch_when_resized(before: tuple[int, int], after: tuple[int, int]) -> None:
    image = np.random.default_rng(0).random((*before, 3), dtype=np.float32)
    np.testing.assert_allclose(resize(image, *after), oracle(image, after), rtol=0, atol=1e-6)


def weights(before: int, after: int) -> NDArray[np.float64]:
    """Return the triangle filter as a matrix: float64 [after, before]."""
    scale = before / after
    centres = (np.arange(after) + 0.5) * scale
    distances = (np.arange(before) + 0.5 - centres[:, None]) / max(scale, 1)
    matrix = np.maximum(0, 1 - np.abs(distances))
    normal: NDArray[np.float64] = matrix / matrix.sum(1, keepdims=True)
    return normal


@pytest.mark.parametrize(("before", "after"), [*SIZES, ((256, 256), (999, 1))])
def test_result_equals_the_formula_when_resized(
    before: tuple[int, int], after: tuple[int, int]
) -> None:
    """PyTorch 2.13 itself is wrong (by 0.07) for the last size: taller, and one column wide."""
    image = np.random.default_rng(0).random((*before, 3), dtype=np.float32)
    rows, columns = weights(before[0], after[0]), weights(before[1], after[1])
    expected = np.stack([rows @ image[..., c] @ columns.T for c in range(3)], axis=2)
    np.testing.assert_allclose(resize(image, *after), expected, rtol=0, atol=1e-6)


def test_negative_values_survive_when_a_watermark_is_enlarged() -> None:
    delta = np.random.default_rng(1).uniform(-1, 1, (256, 256, 3)).astype(np.float32)
    np.testing.assert_allclose(
        resize(delta, 300, 700), oracle(delta, (300, 700)), rtol=0, atol=1e-6
    )


@pytest.mark.parametrize(
    ("image", "size", "words"),
    [
        (np.zeros((4, 4), np.float32), (2, 2), "H, W, C"),
        (np.zeros((4, 4, 3), np.float64), (2, 2), "float32"),
        (np.zeros((0, 4, 3), np.float32), (2, 2), "float32"),
        (np.zeros((4, 4, 3), np.float32), (0, 2), "1 or more"),
    ],
)
def test_use_is_refused_when_array_or_size_is_wrong(
    image: NDArray[np.float32], size: tuple[int, int], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        resize(image, *size)
