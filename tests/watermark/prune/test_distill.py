"""Distillation: its schedule, its loss, what it keeps, and what it goes on from."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from torch import nn

from edgeseal.errors import FileError, UsageError
from edgeseal.watermark.prune import DistillationSettings
from edgeseal.watermark.prune import _distill as distilling
from edgeseal.watermark.prune._distill import Distillation, _schedule, fidelity
from edgeseal.watermark.prune._training_pictures import PictureSource
from watermark.prune.detectors import SIZE, twin

SETTINGS = DistillationSettings(ratio=0.5, steps=6, batch=2, rate=1e-2)


class Linear(nn.Module):
    """A detector small enough to train in a test."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.body, self.head = nn.Linear(12, 6), nn.Linear(6, 5)
        for parameter in self.parameters():
            parameter.data = torch.randn(parameter.shape, generator=generator)
        self.requires_grad_(False)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        small = nn.functional.adaptive_avg_pool2d(pictures, 2).flatten(1)
        logits: torch.Tensor = self.head(torch.tanh(self.body(small)))
        return logits


@pytest.fixture(scope="module")
def pictures() -> PictureSource:
    return PictureSource(SIZE, lambda clean, rng: clean, 0)


def training(
    pictures: PictureSource, settings: DistillationSettings = SETTINGS, identity: str = "a"
) -> Distillation:
    teacher = Linear()
    student = twin(teacher)
    generator = torch.Generator().manual_seed(5)
    student.body.weight.add_(torch.randn(student.body.weight.shape, generator=generator))
    return Distillation(student, teacher, [student.body], pictures, settings, identity)


def test_rate_rises_and_falls_when_steps_go_on() -> None:
    rates = [_schedule(step / 100) for step in range(101)]
    peak = rates.index(max(rates))
    assert 5 <= peak <= 12 and rates[peak] > 0.95
    assert rates[: peak + 1] == sorted(rates[: peak + 1])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    assert rates[0] > 0 and rates[-1] == pytest.approx(0)


def test_only_the_blocks_learn_when_trained(pictures: PictureSource) -> None:
    run = training(pictures)
    head, body = run.student.head.weight.clone(), run.student.body.weight.clone()
    teacher = {name: value.clone() for name, value in run.teacher.state_dict().items()}
    run.run(None, lambda step, loss: None)
    assert torch.equal(run.student.head.weight, head)
    assert not torch.equal(run.student.body.weight, body)
    assert all(torch.equal(v, run.teacher.state_dict()[n]) for n, v in teacher.items())
    assert not any(parameter.requires_grad for parameter in run.student.parameters())


def test_loss_is_the_share_of_the_logits_variance_when_told(pictures: PictureSource) -> None:
    run = training(pictures)
    student, teacher = twin(run.student), run.teacher
    told: list[tuple[int, float]] = []
    run.run(None, lambda step, loss: told.append((step, loss)))
    assert [step for step, _ in told] == [1, 2, 3, 4, 5, 6]
    batch, drawn = pictures.batch(0, 2), pictures.batch(0, 8, stream=3)
    with torch.no_grad():
        scale = teacher(drawn)[:, 1:].var(0, correction=0).mean()
        error = (student(batch)[:, 1:] - teacher(batch)[:, 1:]).square().mean()
    assert told[0][1] == pytest.approx(float(error / scale), rel=1e-5)


def test_error_falls_when_the_rate_is_right(pictures: PictureSource) -> None:
    settings = dataclasses.replace(SETTINGS, steps=40, rate=0.05)
    run = training(pictures, settings)
    before = fidelity(run.student, run.teacher, pictures, 2).nmse_img
    run.run(None, lambda step, loss: None)
    assert fidelity(run.student, run.teacher, pictures, 2).nmse_img < 0.5 * before


def test_best_weights_are_left_when_training_goes_wrong(pictures: PictureSource) -> None:
    """A rate so high that every step makes it worse."""
    run = training(pictures, dataclasses.replace(SETTINGS, rate=1e4))
    before = {name: value.clone() for name, value in run.student.state_dict().items()}
    run.run(None, lambda step, loss: None)
    assert all(torch.equal(value, run.student.state_dict()[name]) for name, value in before.items())


def test_nothing_is_learned_when_there_are_no_steps(pictures: PictureSource) -> None:
    run = training(pictures, dataclasses.replace(SETTINGS, steps=0))
    before = run.student.body.weight.clone()
    run.run(None, lambda step, loss: pytest.fail("no step was asked for"))
    assert torch.equal(run.student.body.weight, before)


class StopError(Exception):
    """The user interrupts."""


@pytest.mark.parametrize("after", [1, 3, 5])
def test_weights_are_the_same_when_interrupted(
    after: int, pictures: PictureSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(distilling, "_SAVE_EVERY", 1)
    whole = training(pictures)
    whole.run(None, lambda step, loss: None)
    broken = training(pictures)

    def stop(step: int, loss: float) -> None:
        if step == after + 1:
            raise StopError

    with pytest.raises(StopError):
        broken.run(tmp_path / "state", stop)
    again = training(pictures)
    again.restore(tmp_path / "state")
    assert again.step == after
    steps: list[int] = []
    again.run(tmp_path / "state", lambda step, loss: steps.append(step))
    assert steps == list(range(after + 1, 7))
    for name, value in whole.student.state_dict().items():
        assert torch.equal(value, again.student.state_dict()[name])


@pytest.mark.parametrize(
    "changes", [{"steps": 7}, {"batch": 3}, {"rate": 1e-3}, {"seed": 1}, {"ratio": 0.4}]
)
def test_state_is_refused_when_settings_are_others(
    changes: dict[str, float], pictures: PictureSource, tmp_path: Path
) -> None:
    training(pictures).save(tmp_path / "state")
    with pytest.raises(UsageError, match="with other settings or weights"):
        training(pictures, dataclasses.replace(SETTINGS, **changes)).restore(tmp_path / "state")


def test_state_is_refused_when_weights_are_others(pictures: PictureSource, tmp_path: Path) -> None:
    training(pictures).save(tmp_path / "state")
    with pytest.raises(UsageError, match="repeat that run, or delete the file"):
        training(pictures, identity="b").restore(tmp_path / "state")
    training(pictures).restore(tmp_path / "state")


@pytest.mark.parametrize("content", [b"", b"nothing", b"PK\x03\x04"])
def test_state_is_refused_when_it_is_damaged(
    content: bytes, pictures: PictureSource, tmp_path: Path
) -> None:
    (tmp_path / "state").write_bytes(content)
    with pytest.raises(FileError, match="is no state of an interrupted run; delete it"):
        training(pictures).restore(tmp_path / "state")


def test_state_is_refused_when_it_is_another_file_of_torchs(
    pictures: PictureSource, tmp_path: Path
) -> None:
    torch.save({"model": torch.zeros(2)}, tmp_path / "state")
    with pytest.raises(FileError, match="delete it"):
        training(pictures).restore(tmp_path / "state")


def test_fidelity_is_perfect_when_detectors_are_equal(pictures: PictureSource) -> None:
    found = fidelity(Linear(), Linear(), pictures, 2)
    assert (found.nmse_img, found.sign_agreement) == (0, 1)


def test_fidelity_is_that_of_numpy_when_detectors_differ(pictures: PictureSource) -> None:
    student, teacher = Linear(1), Linear(0)
    batch = torch.cat([pictures.batch(number, 3, stream=1) for number in range(4)])
    one, other = (module(batch)[:, 1:].double().numpy() for module in (student, teacher))
    found = fidelity(student, teacher, pictures, 3)
    assert found.nmse_img == pytest.approx(
        ((one - other) ** 2).mean() / other.var(0).mean(), rel=1e-4
    )
    assert found.sign_agreement == pytest.approx(((one > 0) == (other > 0)).mean())
