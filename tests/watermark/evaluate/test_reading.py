"""Shares of bits, the tuning task, the six attacks and what two detectors have in common."""

from __future__ import annotations

import importlib.util
import io
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from edgeseal.data import photo_paths
from edgeseal.errors import MissingExtraError, ModelError, UsageError
from edgeseal.tflite.metrics import nmse_img, sign_agreement
from edgeseal.watermark.evaluate._bits import MarkedPicture, model_input, share_of_bits
from edgeseal.watermark.evaluate._metrics import capacity_bits, picture_psnr_db, ssim
from edgeseal.watermark.evaluate._packages import require_evaluation
from edgeseal.watermark.evaluate._peer_detectors import PeerDetector
from edgeseal.watermark.evaluate._reading_task import ReadingTask, reading_task
from edgeseal.watermark.evaluate._six_attacks import ATTACKS

SIZE, BITS = 16, 12


def photo() -> np.ndarray:
    with Image.open(photo_paths()[2]) as image:
        return np.asarray(image.convert("RGB").resize((90, 61)))


def pictures(count: int) -> list[MarkedPicture]:
    rng = np.random.default_rng(0)
    return [
        MarkedPicture(
            rng.integers(0, 256, (20 + index, 24, 3)).astype(np.uint8),
            rng.integers(0, 2, BITS).astype(np.float32),
        )
        for index in range(count)
    ]


class Projection:
    """A detector that anybody can compute."""

    def __init__(self) -> None:
        self.weights = np.random.default_rng(1).normal(size=(SIZE * SIZE * 3, BITS))

    def logits(self, batch: np.ndarray) -> np.ndarray:
        return (batch.reshape(len(batch), -1) - 0.5) @ self.weights


def by_torch(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    planes = torch.from_numpy(pixels.astype(np.float32) / 255).permute(2, 0, 1)[None]
    small = torch.nn.functional.interpolate(
        planes, (height, width), mode="bilinear", align_corners=False, antialias=True
    )
    return small[0].permute(1, 2, 0).numpy()


def test_share_is_counted_by_hand_when_pictures_are_clean() -> None:
    found, detector = pictures(5), Projection()
    right = 0
    for picture in found:
        logits = detector.logits(by_torch(picture.pixels, SIZE, SIZE)[None])[0]
        right += int(((logits > 0) == (picture.bits == 1)).sum())
    share = share_of_bits(detector, found, ATTACKS["clean"], image_size=SIZE)
    assert share == pytest.approx(right / (5 * BITS))


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_share_is_that_of_right_bits_when_a_detector_errs_on_purpose(share: float) -> None:
    found = pictures(4)
    sent = np.stack([picture.bits for picture in found])
    wrong = np.arange(BITS) >= share * BITS

    class Knowing:
        def logits(self, batch: np.ndarray) -> np.ndarray:
            return np.where(wrong, 0.5 - sent, sent - 0.5)

    assert share_of_bits(Knowing(), found, ATTACKS["clean"], image_size=SIZE) == share


def test_draw_of_an_attack_is_the_same_when_the_seed_is() -> None:
    noisy = ATTACKS["noise 6/255"]
    one, same, other = (model_input(photo(), noisy, SIZE, seed=seed) for seed in (0, 0, 1))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_jpeg_is_pillows_with_halved_chroma_when_compressed() -> None:
    for quality in (75, 50):
        stored = io.BytesIO()
        Image.fromarray(photo()).save(stored, "JPEG", quality=quality, subsampling=2)
        with Image.open(stored) as image:
            expected = np.asarray(image)
        attacked = ATTACKS[f"JPEG {quality}"](photo(), np.random.default_rng(0))
        assert np.array_equal(attacked, expected)


def test_resize_is_torchs_when_made_smaller() -> None:
    attacked = ATTACKS["resize 70 %"](photo(), np.random.default_rng(0))
    expected = np.rint(255 * by_torch(photo(), round(0.7 * 61), 63).clip(0, 1))
    assert attacked.shape == expected.shape
    assert np.abs(attacked - expected).max() <= 1


def test_brightness_and_contrast_are_the_formula_when_applied() -> None:
    attacked = ATTACKS["brightness, contrast"](photo(), np.random.default_rng(0))
    expected = ((photo() / 255 - 0.5) * 1.2 + 0.5) * 1.1
    assert np.abs(attacked - 255 * expected.clip(0, 1)).max() <= 0.5 + 1e-3


def test_noise_has_its_deviation_when_nothing_is_clipped() -> None:
    grey = np.full((100, 100, 3), 128, np.uint8)
    noise = ATTACKS["noise 6/255"](grey, np.random.default_rng(0)).astype(float) - 128
    assert noise.std() == pytest.approx(np.hypot(6, 12**-0.5), rel=0.02)
    assert abs(noise.mean()) < 0.1


@pytest.mark.parametrize("name", list(ATTACKS))
def test_stored_picture_stays_as_it_is_when_attacked(name: str) -> None:
    pixels = photo().copy()
    attacked = ATTACKS[name](pixels, np.random.default_rng(0))
    assert np.array_equal(pixels, photo())
    assert attacked.dtype == np.uint8 and attacked.shape[2] == 3


def test_task_has_every_picture_after_every_attack_when_made() -> None:
    found = pictures(4)
    attacks = {name: ATTACKS[name] for name in ("clean", "JPEG 50", "resize 70 %")}
    task = reading_task(found, attacks, SIZE)
    assert len(task.inputs) == len(task.sent) == 12
    expected = {
        model_input(picture.pixels, attack, SIZE, seed=0).tobytes(): picture.bits
        for picture in found
        for attack in attacks.values()
    }
    assert {one.tobytes() for one in task.inputs} == set(expected)
    for one, sent in zip(task.inputs, task.sent, strict=True):
        assert one.shape == (1, SIZE, SIZE, 3)
        assert np.array_equal(expected[one.tobytes()], sent)


def test_beginning_is_a_fair_sample_when_a_task_is_cut_short() -> None:
    found = pictures(4)
    marks = {
        name: (lambda pixels, rng, at=at: np.full_like(pixels, at)) for at, name in enumerate("abc")
    }
    task = reading_task(found, marks, SIZE)
    first = [round(255 * float(one.mean())) for one in task.inputs[:4]]
    assert sorted(set(first)) == [0, 1, 2]
    assert np.array_equal(task.sent[:4], np.stack([picture.bits for picture in found]))


def test_score_is_the_share_of_bits_when_the_first_logit_is_left_out() -> None:
    sent = np.array([[1, 0, 1], [0, 0, 1]], np.float32)
    task = ReadingTask((), sent)
    logits = np.concatenate([np.full((2, 1), 9.0), sent - 0.5], axis=1).astype(np.float32)
    assert task.score(logits) == 1
    logits[0, 1] = -1
    assert task.score(logits) == pytest.approx(5 / 6)
    assert task.score(logits[:, :, None]) == pytest.approx(5 / 6)
    with pytest.raises(ModelError, match="the model reads 2 bits, the pictures hold 3"):
        task.score(logits[:, :3])


@pytest.mark.parametrize(("count", "attacks"), [(0, 1), (1, 0)])
def test_task_is_refused_when_pictures_or_attacks_are_missing(count: int, attacks: int) -> None:
    with pytest.raises(UsageError, match="expected one marked picture and one attack or more"):
        reading_task(pictures(count), dict(list(ATTACKS.items())[:attacks]), SIZE)


def test_error_is_a_share_of_the_variance_when_logits_differ() -> None:
    rng = np.random.default_rng(0)
    expected = (rng.normal(size=(400, 8)) * np.arange(1, 9) + 5).astype(np.float32)
    logits = expected + rng.normal(size=expected.shape).astype(np.float32)
    by_hand = np.mean((logits - expected) ** 2) / np.mean([np.var(column) for column in expected.T])
    assert nmse_img(logits, expected) == pytest.approx(by_hand, rel=1e-5)
    assert nmse_img(expected, expected) == 0
    mean = np.broadcast_to(expected.mean(axis=0), expected.shape)
    assert nmse_img(mean, expected) == pytest.approx(1, rel=1e-5)


def test_signs_agree_as_often_as_counted() -> None:
    one = np.array([[1, -1, 0.1, -0.1]], np.float32)
    assert sign_agreement(one, one) == 1
    assert sign_agreement(one, -one) == 0
    assert sign_agreement(one, np.abs(one)) == 0.5


@pytest.mark.parametrize("channels_first", [True, False])
def test_peer_reads_pictures_in_its_layout_when_given_a_batch(channels_first: bool) -> None:
    weights = np.random.default_rng(2).normal(size=(5 * 7 * 3, 1 + BITS)).astype(np.float32)
    seen: list[tuple[int, ...]] = []

    def run(batch: np.ndarray) -> np.ndarray:
        assert batch.flags.c_contiguous
        seen.append(batch.shape)
        last = batch.transpose(0, 2, 3, 1) if channels_first else batch
        return last.reshape(1, -1) @ weights

    batch = np.random.default_rng(3).random((3, 5, 7, 3), np.float32)
    logits = PeerDetector(run, channels_first=channels_first).logits(batch)
    assert seen == [(1, 3, 5, 7) if channels_first else (1, 5, 7, 3)] * 3
    assert np.allclose(logits, (batch.reshape(3, -1) @ weights)[:, 1:], atol=1e-5)


@pytest.mark.parametrize("accuracy", [0.0, 0.25, 0.5, 0.9, 1.0])
def test_capacity_mirrors_when_all_bits_are_turned(accuracy: float) -> None:
    assert capacity_bits(accuracy, 96) == pytest.approx(capacity_bits(1 - accuracy, 96))
    assert 0 <= capacity_bits(accuracy, 96) <= 96


def test_psnr_falls_by_six_decibels_when_the_error_doubles() -> None:
    grey = np.full((8, 8, 3), 100, np.uint8)
    once, twice = picture_psnr_db(grey, grey + 4), picture_psnr_db(grey, grey + 8)
    assert once == pytest.approx(20 * np.log10(255 / 4))
    assert once - twice == pytest.approx(20 * np.log10(2))
    assert picture_psnr_db(grey, grey - 4) == once  # bytes do not wrap around


def test_similarity_is_one_when_pictures_are_equal() -> None:
    assert ssim(photo(), photo()) == pytest.approx(1)
    assert ssim(photo()[:10], photo()[:10]) is None
    noisy = np.clip(photo() + np.random.default_rng(0).normal(0, 20, photo().shape), 0, 255)
    changed = ssim(photo(), noisy.astype(np.uint8))
    assert changed is not None and changed < 0.9


@pytest.mark.parametrize("package", ["jinja2", "scipy", "skimage"])
def test_extra_is_named_when_a_package_is_missing(
    package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == package else find(name)
    )
    with pytest.raises(MissingExtraError, match=r"a report needs the extra \[evaluate\]"):
        require_evaluation("a report")


def test_extra_is_named_when_a_package_is_blocked(monkeypatch: pytest.MonkeyPatch) -> None:
    require_evaluation("a report")
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(MissingExtraError, match="evaluate"):
        require_evaluation("a report")
    monkeypatch.setitem(sys.modules, "skimage.metrics", None)
    with pytest.raises(MissingExtraError, match="structural similarity"):
        ssim(photo(), photo())
