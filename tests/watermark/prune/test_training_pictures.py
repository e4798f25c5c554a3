"""Pictures to learn from: always the same, marked as strongly as stated, then damaged."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from edgeseal.watermark.prune import _training_pictures as drawing
from edgeseal.watermark.prune._training_pictures import (
    PictureSource,
    _damaged,
    _jpeg,
    _leaves,
    _noise,
    _rescaled,
    _scaled,
    _stored,
    embedder_marker,
    gradient_marker,
)
from watermark.prune.detectors import SIZE, detector, small_card


def plain(pictures: Tensor, rng: np.random.Generator) -> Tensor:
    return pictures


def source(seed: int = 0) -> PictureSource:
    return PictureSource(SIZE, plain, seed)


def test_batch_is_the_same_when_drawn_in_another_order() -> None:
    one, other = source(), source()
    forth = [one.batch(number, 3) for number in range(3)]
    back = [other.batch(number, 3) for number in reversed(range(3))]
    assert all(torch.equal(a, b) for a, b in zip(forth, reversed(back), strict=True))


def test_batches_differ_when_number_stream_or_seed_do() -> None:
    drawn = [
        source().batch(0, 2), source().batch(1, 2), source().batch(0, 2, stream=1),
        source(1).batch(0, 2),
    ]  # fmt: skip
    assert len({batch.numpy().tobytes() for batch in drawn}) == 4


def test_pictures_are_stored_levels_when_drawn() -> None:
    batch = source().batch(0, 24)
    assert batch.shape == (24, 3, SIZE, SIZE) and batch.dtype == torch.float32
    assert batch.min() >= 0 and batch.max() <= 1
    levels = batch * 255
    assert torch.allclose(levels, levels.round(), atol=1e-3)
    assert batch.std((1, 2, 3)).min() > 0.005  # no picture is blank


@pytest.mark.parametrize("draw", [_noise, _leaves])
@pytest.mark.parametrize("size", [16, 33, 64])
def test_drawn_picture_varies_within_the_range_when_its_size_does(draw: object, size: int) -> None:
    for seed in range(3):
        picture = draw(np.random.default_rng(seed), size)
        assert picture.shape == (size, size, 3) and picture.dtype == np.float32
        assert 0 <= picture.min() < picture.max() <= 1


def test_noise_falls_with_the_frequency_when_its_spectrum_is_taken() -> None:
    size, slopes = 128, []
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.fftfreq(size)[None])
    for seed in range(6):
        plane = _noise(np.random.default_rng(seed), size)[..., 1]
        spectrum = np.abs(np.fft.fft2(plane))
        bands = [(0.02, 0.04), (0.04, 0.08), (0.08, 0.16), (0.16, 0.32)]
        means = [spectrum[(low <= frequency) & (frequency < high)].mean() for low, high in bands]
        slopes.append(-np.polyfit(range(4), np.log2(means), 1)[0])
    assert min(slopes) > 0.6 and max(slopes) < 1.7  # 1 / f^a with a of 0.7 to 1.6


def test_marks_have_the_stated_strength_when_scaled() -> None:
    delta = torch.randn(50, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    scaled = _scaled(delta, np.random.default_rng(0))
    decibels = -10 * torch.log10(scaled.square().mean((1, 2, 3)))
    assert decibels.min() >= 36 and decibels.max() <= 44
    assert decibels.max() - decibels.min() > 5
    assert not _scaled(torch.zeros(1, 3, 2, 2), np.random.default_rng(0)).any()


def test_detector_answers_with_the_message_when_marked_along_its_gradient() -> None:
    module, card = detector("vit"), small_card("vit")
    pictures = torch.rand(4, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(2))
    marked = gradient_marker(card, module)(pictures, np.random.default_rng(7))
    messages = torch.from_numpy(np.random.default_rng(7).integers(0, 2, (4, 8))).float() * 2 - 1
    change = ((module(marked) - module(pictures))[:, 1:] * messages).sum(1)
    assert (change > 0).all()
    assert not any(parameter.grad is not None for parameter in module.parameters())


def test_mark_is_the_embedders_when_there_is_one() -> None:
    seen: list[Tensor] = []

    def embedder(pictures: Tensor, messages: Tensor) -> Tensor:
        seen.append(messages)
        return messages.mean(1)[:, None, None, None] + pictures * 0 + 1

    pictures = torch.zeros(3, 3, 4, 4)
    marked = embedder_marker(small_card("vit"), embedder)(pictures, np.random.default_rng(0))
    assert seen[0].shape == (3, 8) and set(seen[0].unique().tolist()) == {0, 1}
    assert torch.allclose(marked, marked[:, :1, :1, :1].expand_as(marked))  # flat, but scaled


def test_some_pictures_stay_unmarked_when_a_batch_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "_damaged", lambda picture, rng: picture)
    made = PictureSource(SIZE, lambda pictures, rng: torch.ones_like(pictures), 0)
    batch = made.batch(0, 200)
    marked = batch.flatten(1).min(1).values == 1
    assert 0.75 < marked.float().mean() < 0.95


def test_every_damage_happens_when_many_pictures_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    for name in ("_jpeg", "_rescaled", "_stored"):
        own = getattr(drawing, name)
        monkeypatch.setattr(
            drawing, name, lambda *args, n=name, f=own: (calls.append(n), f(*args))[1]
        )
    rng = np.random.default_rng(0)
    picture = torch.rand(3, 16, 16, generator=torch.Generator().manual_seed(0))
    same = sum(torch.equal(_damaged(picture, rng), picture) for _ in range(300))
    shares = {name: calls.count(name) / 300 for name in set(calls)}
    assert 0.28 < same / 300 < 0.42
    assert shares == pytest.approx({"_jpeg": 0.3, "_rescaled": 0.15, "_stored": 0.2}, abs=0.06)


def test_damage_keeps_the_size_and_is_near_when_mild() -> None:
    rows = torch.linspace(0, 1, 24)
    picture = torch.stack([rows[:, None].expand(24, 24)] * 3)
    assert (_jpeg(picture, 95) - picture).abs().max() < 0.03
    assert (_rescaled(picture, 0.9) - picture).abs().max() < 0.05
    assert (_rescaled(picture, 0.001) - picture.mean()).abs().max() < 0.05  # one pixel, enlarged
    assert torch.allclose(
        _stored(picture * 3 - 1), ((picture * 3 - 1).clamp(0, 1) * 255).round() / 255
    )


def test_crops_are_of_all_photographs_when_many_are_drawn() -> None:
    made = source()
    rng = np.random.default_rng(0)
    crops = [made._crop(rng) for _ in range(40)]
    assert all(crop.shape == (SIZE, SIZE, 3) for crop in crops)
    assert len({crop.tobytes() for crop in crops}) == 40
