"""The pruned detector learns to give the logits of the one it was cut from."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from edgeseal._files import replacing
from edgeseal.errors import FileError, UsageError
from edgeseal.tflite.metrics import nmse_img, sign_agreement
from edgeseal.watermark.prune._training_pictures import PictureSource

__all__ = ["Distillation", "DistillationSettings", "Fidelity", "fidelity"]

_SAVE_EVERY = 25
_VALIDATE_EVERY = 20
_WARM_UP = 0.1
_CLIP = 1.0
_VALIDATION_STREAM = 1
_SCALE_STREAM = 3
_VALIDATION_BATCHES = 4


@dataclass(frozen=True, slots=True)
class DistillationSettings:
    """What a run depends on.

    Attributes:
        ratio: share of the work of the prunable layers to remove, 0..1.
        steps: optimiser steps of distillation.
        batch: pictures per step.
        rate: peak learning rate.
        seed: of everything random.
    """

    ratio: float
    steps: int = 100
    batch: int = 8
    rate: float = 1e-5
    seed: int = 0

    def __post_init__(self) -> None:
        """Check every field.

        Raises:
            UsageError: values out of range, all listed.
        """
        problems = []
        if not 0 < self.ratio < 1:
            problems.append(f"ratio: must be between 0 and 1, is {self.ratio}")
        if self.steps < 0:
            problems.append(f"steps: must be 0 or more, is {self.steps}")
        if self.batch < 1:
            problems.append(f"batch: must be 1 or more, is {self.batch}")
        if not (math.isfinite(self.rate) and self.rate > 0):
            problems.append(f"rate: must be positive, is {self.rate}")
        if self.seed < 0:
            problems.append(f"seed: must be 0 or more, is {self.seed}")
        if problems:
            raise UsageError("\n  ".join(problems))


@dataclass(frozen=True, slots=True)
class Fidelity:
    """How close a pruned detector's logits are to the original's, on pictures drawn apart.

    Attributes:
        nmse_img: squared error as a share of the variance across pictures; infinite where the
            original's do not vary.
        sign_agreement: share of bits that both read alike, 0..1.
    """

    nmse_img: float
    sign_agreement: float


def fidelity(
    student: nn.Module, teacher: nn.Module, pictures: PictureSource, batch: int
) -> Fidelity:
    """Compare two detectors on pictures that nothing is learned from."""
    with torch.no_grad():
        batches = [
            pictures.batch(number, batch, stream=_VALIDATION_STREAM)
            for number in range(_VALIDATION_BATCHES)
        ]
        expected = torch.cat([teacher(one)[:, 1:] for one in batches]).numpy()
        found = torch.cat([student(one)[:, 1:] for one in batches]).numpy()
    error, signs = nmse_img(found, expected), sign_agreement(found, expected)
    return Fidelity(math.inf if error is None else error, signs or 0.0)


class Distillation:
    """Trains a pruned detector; its state can be kept in a file and taken up again.

    Step ``n`` draws batch ``n``, so a run that was interrupted ends like one that was not.

    Args:
        student: the pruned detector; changed in place.
        teacher: what it was cut from.
        blocks: the parts of ``student`` that learn; the first layer, which has to cancel the
            picture to leave the message, and the decoder stay as they are.
        pictures: to learn from.
        settings: of the run.
        identity: what else the run depends on, such as a checksum; the state is refused for
            another.
    """

    def __init__(
        self,
        student: nn.Module,
        teacher: nn.Module,
        blocks: Sequence[nn.Module],
        pictures: PictureSource,
        settings: DistillationSettings,
        identity: str,
    ) -> None:
        self.student = student.requires_grad_(False)
        learning = [p for block in blocks for p in block.requires_grad_(True).parameters()]
        self.learning = learning
        self.teacher = teacher
        self.pictures = pictures
        self.settings = settings
        self.identity = identity
        self.step = 0
        self.optimizer = torch.optim.AdamW(learning, lr=settings.rate, weight_decay=0.0)
        self.scale = self._scale()
        self.best = self._error(), _copied(student)

    def run(self, state: Path | None, report: Callable[[int, float], None]) -> None:
        """Take the remaining steps, and leave the best weights that were seen.

        Args:
            state: file for the state, which is kept every few steps; None for none.
            report: called after each step with its number and the loss.

        Raises:
            FileError: the state cannot be written.
        """
        while self.step < self.settings.steps:
            loss = self._take_step()
            report(self.step, loss)
            if self.step % _VALIDATE_EVERY == 0 or self.step == self.settings.steps:
                self.best = min(
                    self.best, (self._error(), _copied(self.student)), key=lambda one: one[0]
                )
            if state is not None and self.step % _SAVE_EVERY == 0:
                self.save(state)
        self.student.load_state_dict(self.best[1])
        self.student.requires_grad_(False)

    def save(self, path: Path) -> None:
        """Keep everything that the rest of the run depends on."""
        content = {
            "settings": asdict(self.settings),
            "identity": self.identity,
            "step": self.step,
            "student": self.student.state_dict(),
            "best": self.best,
            "optimizer": self.optimizer.state_dict(),
        }
        # torch puts a part of a name into the file, and refuses one without an ending
        with replacing(path, overwrite=True) as temporary, temporary.open("wb") as file:
            torch.save(content, file)

    def restore(self, path: Path) -> None:
        """Go on from a kept state.

        Raises:
            FileError: the file is no such state.
            UsageError: it belongs to another run.
        """
        try:
            content = torch.load(path, weights_only=True)
            same = content["settings"] == asdict(self.settings)
            same = same and content["identity"] == self.identity
        except Exception as error:  # torch raises whatever it stumbles over
            raise FileError(f"{path}: is no state of an interrupted run; delete it") from error
        if not same:
            raise UsageError(
                f"{path}: is the state of an interrupted run with other settings or weights "
                f"({content['settings']}); repeat that run, or delete the file"
            )
        self.step = content["step"]
        self.student.load_state_dict(content["student"])
        self.best = content["best"]
        self.optimizer.load_state_dict(content["optimizer"])

    def _take_step(self) -> float:
        rate = self.settings.rate * _schedule(self.step / self.settings.steps)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        batch = self.pictures.batch(self.step, self.settings.batch)
        with torch.no_grad():
            expected = self.teacher(batch)[:, 1:]
        loss = (self.student(batch)[:, 1:] - expected).square().mean() / self.scale
        self.optimizer.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(self.learning, _CLIP)
        self.optimizer.step()
        self.step += 1
        return float(loss.detach())

    def _error(self) -> float:
        return fidelity(self.student, self.teacher, self.pictures, self.settings.batch).nmse_img

    @torch.no_grad()
    def _scale(self) -> Tensor:
        """Return the variance of the teacher's logits across pictures."""
        batch = self.pictures.batch(0, max(8, self.settings.batch), stream=_SCALE_STREAM)
        logits: Tensor = self.teacher(batch)[:, 1:]
        return logits.var(0, unbiased=False).mean()


def _copied(module: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in module.state_dict().items()}


def _schedule(progress: float) -> float:
    """Return the share of the peak learning rate: a short rise, then half a cosine."""
    return min(1.0, progress / _WARM_UP + 0.02) * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
