"""Measures a reference pair on photographs, along the path that a user's picture takes.

python training/measure.py src/edgeseal/data/reference.pth src/edgeseal/data/photos
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from attacks import EVALUATION_ATTACKS, quantized
from edgeseal.watermark.models import CarrierEmbedder, ViTDetector
from pictures import read_picture, resize

__all__ = ["format_table", "load_pair", "mark", "measure", "psnr_db", "read"]


def load_pair(path: Path) -> tuple[CarrierEmbedder, ViTDetector]:
    """Load a checkpoint that ``train_reference.py`` wrote, in float32."""
    checkpoint = torch.load(path, weights_only=True)
    weights, arguments = checkpoint["model"], checkpoint["args"]
    embedder = CarrierEmbedder(**arguments["embedder"])
    detector = ViTDetector(**arguments["detector"])
    for prefix, module in (("embedder.", embedder), ("detector.", detector)):
        part = {k[len(prefix) :]: v.float() for k, v in weights.items() if k.startswith(prefix)}
        module.load_state_dict(part)
        module.eval()
    return embedder, detector


def mark(embedder: CarrierEmbedder, image: Tensor, message: Tensor) -> Tensor:
    """Mark a picture at its own size.

    Args:
        embedder: at its fixed input size.
        image: float32 [1, 3, H, W], RGB, 0..1.
        message: float32 [1, bits] of 0 and 1.

    Returns:
        float32 [1, 3, H, W], rounded to 8 bits.
    """
    side = embedder.image_size
    delta = embedder(resize(image, side, side), message)
    full = torch.nn.functional.interpolate(
        delta, size=image.shape[-2:], mode="bilinear", align_corners=False
    )
    return quantized(image + full)


def read(detector: ViTDetector, image: Tensor, side: int) -> Tensor:
    """Return the message logits float32 [1, bits] of a picture of any size."""
    logits: Tensor = detector(resize(image, side, side))[:, 1:]
    return logits


def psnr_db(image: Tensor, marked: Tensor) -> float:
    """Return the peak signal-to-noise ratio of two pictures in 0..1."""
    return float(-10 * torch.log10((image - marked).pow(2).mean()))


@torch.no_grad()
def measure(
    embedder: CarrierEmbedder,
    detector: ViTDetector,
    paths: Iterable[Path],
    *,
    draws: int = 1,
    side: int | None = None,
    seed: int = 0,
) -> dict[str, float]:
    """Measure what survives.

    Args:
        embedder: of the pair.
        detector: of the pair.
        paths: photographs.
        draws: random messages per photograph.
        side: scale photographs to a square of this side first; None keeps their size.
        seed: of messages and attacks.

    Returns:
        The share of bits read (0..1) by attack, and ``psnr_db min`` and ``psnr_db mean``.
    """
    generator = np.random.default_rng(seed)
    scores: dict[str, list[float]] = {name: [] for name in EVALUATION_ATTACKS}
    quality = []
    for path in [path for path in paths for _ in range(draws)]:
        image = read_picture(path)
        if side:
            image = quantized(resize(image, side, side))
        bits = generator.integers(0, 2, (1, embedder.bits))
        message = torch.from_numpy(bits.astype(np.float32))
        marked = mark(embedder, image, message)
        quality.append(psnr_db(image, marked))
        for name, attack in EVALUATION_ATTACKS.items():
            logits = read(detector, attack(marked, generator), embedder.image_size)
            scores[name].append(float(((logits > 0) == (message > 0)).float().mean()))
    result = {name: float(np.mean(values)) for name, values in scores.items()}
    return result | {"psnr_db min": min(quality), "psnr_db mean": float(np.mean(quality))}


def format_table(result: dict[str, float]) -> str:
    """Lay out what :func:`measure` returned, one line each."""
    return "\n".join(
        f"{name:34} {value:.2f} dB" if "psnr" in name else f"{name:34} {100 * value:.2f} %"
        for name, value in result.items()
    )


def main() -> int:
    """Run from the command line; return the exit status."""
    parser = argparse.ArgumentParser(description="Measure a reference pair on photographs.")
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--draws", type=int, default=1, help="messages per photograph")
    parser.add_argument("--side", type=int, help="scale photographs to this square first")
    options = parser.parse_args()
    embedder, detector = load_pair(options.checkpoint)
    paths = sorted(options.folder.iterdir())
    result = measure(embedder, detector, paths, draws=options.draws, side=options.side)
    print(format_table(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
