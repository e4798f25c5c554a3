"""Trains the reference pair: a carrier embedder and a small VideoSeal-0.0-shaped detector.

    python training/train_reference.py --seed 0 --threads 2 -o reference.pth

Takes five minutes on two CPU cores. The state is kept in ``reference.pth.part`` every few
steps: after Ctrl-C, the same command goes on from there and ends with the same weights.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from attacks import attack_at_random, quantized
from carriers import BITS, TILE, build_embedder_state
from edgeseal.watermark.models import CarrierEmbedder, ViTDetector
from initialise import initialise_detector
from measure import format_table, load_pair, measure
from pictures import Pictures, resize

SIDE = 256
DETECTOR = {
    "bits": BITS,
    "image_size": SIDE,
    "in_channels": 3,
    "embed_dim": 192,
    "depth": 6,
    "num_heads": 3,
    "patch_size": TILE,
    "window_size": 8,
    "global_attn_indexes": (2, 5),
    "mlp_ratio": 1.5,
    "out_channels": 192,
}
EMBEDDER = {
    "bits": BITS,
    "image_size": SIDE,
    "tile_size": TILE,
    "psnr_db": 40.25,
    "cancellation": True,
    "passes": 2,
    "mask_floor": 0.55,
    "mask_gain": 12.0,
    "mask_ceiling": 1.8,
}
STATISTICS_PICTURES = 192
FULL_SIZES = (256, 256, 320, 384, 512)
PSNR_RANGE_DB = (-1.5, 2.0)
SAVE_EVERY = 50
REPORT_EVERY = 20
PHOTOS = Path(__file__).parents[1] / "src" / "edgeseal" / "data" / "photos"


@dataclass(frozen=True)
class Settings:
    """What a run depends on.

    Attributes:
        seed: of everything random.
        steps: optimiser steps.
        batch: pictures per step.
        block_rate: peak learning rate of the transformer blocks.
        rate: peak learning rate of everything else.
        average: decay of the running mean of the weights that is kept in the end.
    """

    seed: int = 0
    steps: int = 500
    batch: int = 16
    block_rate: float = 3e-5
    rate: float = 4e-6
    average: float = 0.995


class Trainer:
    """Holds the pair, the optimiser and the random state; can be saved and restored.

    Args:
        settings: of the run.
        state_path: where the state is kept between interruptions.
    """

    def __init__(self, settings: Settings, state_path: Path) -> None:
        self.settings = settings
        self.state_path = state_path
        self.step = 0
        self.generator = np.random.default_rng(settings.seed)
        torch.manual_seed(settings.seed)
        self.pictures = Pictures(self.generator)
        self.embedder = CarrierEmbedder(**EMBEDDER)  # type: ignore[arg-type]
        self.detector = ViTDetector(**DETECTOR)  # type: ignore[arg-type]
        self._initialise()
        self.averaged = {name: value.clone() for name, value in self.detector.state_dict().items()}
        self.optimizer = self._make_optimizer()

    def _initialise(self) -> None:
        """Build the carriers and the matched filter from training pictures."""
        pictures = self.pictures.draw(STATISTICS_PICTURES, SIDE)
        state = build_embedder_state(pictures, self.settings.seed)
        self.embedder.load_state_dict(state)
        initialise_detector(self.detector, state["filters"], pictures)

    def _make_optimizer(self) -> torch.optim.AdamW:
        """Return AdamW with the blocks faster than the matched filter around them."""
        encoder = self.detector.image_encoder
        blocks = list(encoder.blocks.parameters())
        known = {id(parameter) for parameter in blocks}
        rest = [p for p in self.detector.parameters() if id(p) not in known]
        groups = [
            {"params": blocks, "peak": self.settings.block_rate},
            {"params": rest, "peak": self.settings.rate},
        ]
        return torch.optim.AdamW(groups, weight_decay=0.01)

    def train_step(self) -> tuple[float, float]:
        """Take one step; return the loss and the share of bits read, after attacks."""
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * _schedule(self.step / self.settings.steps)
        images, bits = self._draw_batch()
        logits = self.detector(images)[:, 1:]
        loss = F.binary_cross_entropy_with_logits(logits, bits)
        self.optimizer.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(self.detector.parameters(), 1.0)
        self.optimizer.step()
        self._update_average()
        self.step += 1
        return float(loss.detach()), float(((logits > 0) == (bits > 0)).float().mean())

    @torch.no_grad()
    def _draw_batch(self) -> tuple[Tensor, Tensor]:
        """Return attacked marked pictures float32 [B, 3, SIDE, SIDE] and bits [B, BITS]."""
        size = int(self.generator.choice(FULL_SIZES))
        images = self.pictures.draw(self.settings.batch, size)
        drawn = self.generator.integers(0, 2, (self.settings.batch, BITS))
        bits = torch.from_numpy(drawn.astype(np.float32))
        delta = self.embedder(resize(images, SIDE, SIDE), bits)
        quieter = self.generator.uniform(*PSNR_RANGE_DB, (len(images), 1, 1, 1))
        delta = delta * torch.from_numpy((10 ** (-quieter / 20)).astype(np.float32))
        delta = F.interpolate(delta, size=(size, size), mode="bilinear", align_corners=False)
        marked = quantized(images + delta)
        attacked = [attack_at_random(image[None], self.generator) for image in marked]
        return torch.cat([resize(image, SIDE, SIDE) for image in attacked]), bits

    @torch.no_grad()
    def _update_average(self) -> None:
        """Move the running mean of the weights a little towards the present ones."""
        decay = min(self.settings.average, (1 + self.step) / (10 + self.step))
        for name, value in self.detector.state_dict().items():
            self.averaged[name].lerp_(value, 1 - decay)

    def save(self) -> None:
        """Keep everything that the rest of the run depends on."""
        _write(
            self.state_path,
            {
                "settings": asdict(self.settings),
                "step": self.step,
                "detector": self.detector.state_dict(),
                "averaged": self.averaged,
                "optimizer": self.optimizer.state_dict(),
                "generator": self.generator.bit_generator.state,
            },
        )

    def restore(self) -> None:
        """Go on from a saved state.

        Raises:
            ValueError: if the state belongs to a run with other settings.
        """
        state = torch.load(self.state_path, weights_only=True)
        if state["settings"] != asdict(self.settings):
            raise ValueError(f"{self.state_path} belongs to another run: {state['settings']}")
        self.step = state["step"]
        self.detector.load_state_dict(state["detector"])
        self.averaged = state["averaged"]
        self.optimizer.load_state_dict(state["optimizer"])
        self.generator.bit_generator.state = state["generator"]

    def checkpoint(self) -> dict[str, Any]:
        """Return the pair in upstream's layout, weights in float16."""
        model = {f"detector.{name}": value.half() for name, value in self.averaged.items()}
        for name, value in self.embedder.state_dict().items():
            model[f"embedder.{name}"] = value.half()
        arguments = {"detector": {**DETECTOR, "global_attn_indexes": [2, 5]}, "embedder": EMBEDDER}
        return {"model": model, "args": {**arguments, "training": asdict(self.settings)}}


def main() -> int:
    """Run from the command line; return the exit status."""
    options = _parse()
    torch.set_num_threads(options.threads)
    settings = Settings(seed=options.seed, steps=options.steps)
    trainer = Trainer(settings, options.output.with_name(options.output.name + ".part"))
    if trainer.state_path.exists():
        trainer.restore()
    try:
        _train(trainer)
    except KeyboardInterrupt:
        print("\nstopped; run again to go on from the last saved step", file=sys.stderr)
        return 130
    _write(options.output, trainer.checkpoint())
    trainer.state_path.unlink(missing_ok=True)
    print(format_table(measure(*load_pair(options.output), sorted(options.measure.iterdir()))))
    return 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=Settings.steps)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--measure", type=Path, default=PHOTOS, help="folder of unseen photographs")
    parser.add_argument("-o", "--output", type=Path, required=True)
    return parser.parse_args()


def _train(trainer: Trainer) -> None:
    """Take the remaining steps, showing progress on stderr and saving the state."""
    started, first = time.monotonic(), trainer.step
    recent: list[tuple[float, float]] = []
    while trainer.step < trainer.settings.steps:
        recent = [*recent, trainer.train_step()][-REPORT_EVERY:]
        if trainer.step % REPORT_EVERY == 0:
            pace = (time.monotonic() - started) / (trainer.step - first)
            _show_progress(trainer, recent, pace)
        if trainer.step % SAVE_EVERY == 0:
            trainer.save()


def _show_progress(trainer: Trainer, recent: list[tuple[float, float]], pace: float) -> None:
    """Print one line on stderr; ``pace`` is in seconds per step."""
    loss, right = np.mean(recent, axis=0)
    left_min = pace * (trainer.settings.steps - trainer.step) / 60
    print(
        f"step {trainer.step}/{trainer.settings.steps}  loss {loss:.4f}  "
        f"bits read after attacks {100 * right:.2f} %  {left_min:.1f} min left",
        file=sys.stderr,
        flush=True,
    )


def _schedule(progress: float) -> float:
    """Return the share of the peak learning rate: a short warm-up, then half a cosine."""
    return min(1.0, progress / 0.05) * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))


def _write(path: Path, content: dict[str, Any]) -> None:
    """Write a checkpoint under a temporary name, then rename it."""
    temporary = path.with_name(path.name + ".tmp")
    torch.save(content, temporary)
    temporary.replace(path)


if __name__ == "__main__":
    sys.exit(main())
