"""Whole evaluations of a tiny pair of models: what is done, once, and gone on with."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgeseal.data import photo_paths
from edgeseal.errors import ModelError, UsageError
from edgeseal.pictures import read_image, resize
from edgeseal.pictures._workers import cores
from edgeseal.watermark.evaluate import EvaluationPlan, EvaluationSettings, PictureRecord
from edgeseal.watermark.evaluate import _run_evaluation as running
from edgeseal.watermark.evaluate._evaluate_picture import Bench, draw_message, mark_source
from edgeseal.watermark.evaluate._evaluation_plan import make_plan
from edgeseal.watermark.evaluate._metrics import picture_psnr_db, ssim
from edgeseal.watermark.evaluate._run_evaluation import evaluate_pictures
from edgeseal.watermark.evaluate._state import State
from edgeseal.watermark.evaluate._stored_pixels import to_stored
from edgeseal.watermark.evaluate.attacks import Attack, AttackStep
from edgeseal.watermark.evaluate.report._examples import AMPLIFICATION, make_examples
from edgeseal.watermark.runtime import Message, load_embedder
from pairs import BITS, SIZE, Pair, write_pair

ATTACKS = tuple(
    Attack((AttackStep(family, strength),))
    for family, strength in (
        ("identity", None), ("crop", 0.5), ("noise", 0.2), ("jpeg", 90), ("jpeg", 30)
    )
)  # fmt: skip
SETTINGS = EvaluationSettings(ATTACKS, seed=3, max_side=96)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return write_pair(tmp_path_factory.mktemp("pair"))


@pytest.fixture(scope="module")
def album(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three photographs, made small."""
    folder = tmp_path_factory.mktemp("album")
    for index, path in enumerate(photo_paths()[:3]):
        with Image.open(path) as image:
            image.convert("RGB").resize((120, 80 + index)).save(folder / f"{index}.png")
    return folder


def plan_of(pair: Pair, album: Path, **changes: object) -> EvaluationPlan:
    settings = dataclasses.replace(SETTINGS, **changes)
    return make_plan([pair.detector], pair.embedder, sorted(album.iterdir()), settings)


def test_record_has_what_an_evaluation_by_hand_gives(pair: Pair, album: Path) -> None:
    plan = plan_of(pair, album)
    path = plan.pictures[1]
    record = Bench(plan).evaluate(path, mark=True)
    stored = to_stored(read_image(path), 96)
    assert (record.height, record.width) == stored.shape[:2] == (round(96 * 81 / 120), 96)
    embedder = load_embedder(pair.embedder)
    message = draw_message(SETTINGS, BITS, record.sha256)
    marked = mark_source(embedder, stored, message)
    assert record.message == message.hex
    assert record.psnr_db == picture_psnr_db(stored, marked)
    assert record.ssim == ssim(stored, marked)

    def read(pixels: np.ndarray) -> np.ndarray:
        small = resize(pixels.astype(np.float32) / np.float32(255), SIZE, SIZE)
        return (pair.carriers @ small.ravel() > 0).astype(int)

    agreeing = int((read(marked) == np.array(message.bits)).sum())
    assert record.matching is not None and record.unmarked is not None
    assert record.matching["detector"][0] == agreeing
    assert record.unmarked["detector"] == Message(tuple(read(stored).tolist())).hex
    assert len(record.matching["detector"]) == len(ATTACKS)


def test_marked_picture_is_read_when_nothing_happens_to_it(pair: Pair, album: Path) -> None:
    found = evaluate_pictures(plan_of(pair, album), workers=1)
    for record in found.records:
        assert record.matching is not None
        assert record.matching["detector"][0] >= 0.9 * BITS
        assert not record.error


def test_records_are_the_same_when_pictures_come_in_another_order(pair: Pair, album: Path) -> None:
    plan = plan_of(pair, album)
    turned = dataclasses.replace(plan, pictures=plan.pictures[::-1])
    forth, back = (evaluate_pictures(one, workers=1).records for one in (plan, turned))
    assert forth == back[::-1]


def test_draws_are_others_when_the_seed_is(pair: Pair, album: Path) -> None:
    messages = {
        record.message
        for seed in (0, 1)
        for record in evaluate_pictures(plan_of(pair, album, seed=seed), workers=1).records
    }
    assert len(messages) == 6  # of each picture and seed


def test_every_picture_has_the_message_when_one_is_given(pair: Pair, album: Path) -> None:
    found = evaluate_pictures(plan_of(pair, album, message="a5c3f0"), workers=1)
    assert {record.message for record in found.records} == {"a5c3f0"}


def test_picture_counts_once_when_it_is_there_twice(
    pair: Pair, album: Path, tmp_path: Path
) -> None:
    shutil.copy(album / "0.png", tmp_path / "copy.png")
    plan = dataclasses.replace(
        plan_of(pair, album), unmarked=(tmp_path / "copy.png", tmp_path / "copy.png")
    )
    found = evaluate_pictures(plan, workers=1)
    assert [record.name for record in found.records] == ["0.png", "1.png", "2.png"]
    assert [(one.name, one.original) for one in found.duplicates] == [("copy.png", "0.png")] * 2


def test_picture_is_only_read_when_it_is_to_stay_unmarked(
    pair: Pair, album: Path, tmp_path: Path
) -> None:
    Image.new("RGB", (50, 40), (10, 200, 30)).save(tmp_path / "plain.png")
    plan = dataclasses.replace(plan_of(pair, album), unmarked=(tmp_path / "plain.png",))
    record = evaluate_pictures(plan, workers=1).records[-1]
    assert not record.is_marked
    assert (record.message, record.psnr_db, record.ssim) == ("", None, None)
    assert record.unmarked is not None and set(record.unmarked) == {"detector"}


@pytest.mark.parametrize("content", [b"", b"no picture", None])
def test_record_says_why_when_a_picture_cannot_be_read(
    content: bytes | None, pair: Pair, album: Path, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.png"
    if content is not None:
        bad.write_bytes(content)
    plan = plan_of(pair, album)
    gone = tmp_path / "gone.png"
    plan = dataclasses.replace(plan, pictures=(bad, *plan.pictures), unmarked=(gone,))
    state = State(tmp_path / "state", plan.fingerprint())
    records = evaluate_pictures(plan, workers=1, state=state).records
    assert records[0].name == "bad.png" and "bad.png" in records[0].error
    assert [record.error for record in records[1:4]] == [""] * 3
    assert "gone.png" in records[4].error
    assert evaluate_pictures(plan, workers=1, state=state).resumed == 3  # it is tried again


class StopError(Exception):
    """The user interrupts."""


@pytest.mark.parametrize("after", [1, 2])
def test_nothing_is_evaluated_twice_when_interrupted(
    after: int, pair: Pair, album: Path, tmp_path: Path
) -> None:
    plan = plan_of(pair, album)
    expected = evaluate_pictures(plan, workers=1)
    state = State(tmp_path, plan.fingerprint())
    seen: list[PictureRecord] = []

    def stop(record: PictureRecord) -> None:
        seen.append(record)
        if len(seen) == after:
            raise StopError

    with pytest.raises(StopError):
        evaluate_pictures(plan, workers=1, state=state, advance=stop)
    advanced: list[PictureRecord] = []
    again = evaluate_pictures(plan, workers=1, state=state, advance=advanced.append)
    assert again.resumed == after
    assert again.records == expected.records
    assert len(advanced) == 3


def test_no_model_is_opened_when_everything_is_done(
    pair: Pair, album: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_of(pair, album)
    state = State(tmp_path, plan.fingerprint())
    first = evaluate_pictures(plan, workers=1, state=state)

    def fail(plan: EvaluationPlan) -> None:
        raise AssertionError

    monkeypatch.setattr(running, "Bench", fail)
    again = evaluate_pictures(plan, workers=1, state=state)
    assert again.records == first.records
    assert again.resumed == 3


@pytest.mark.parametrize("workers", [0, -1])
def test_workers_are_refused_when_there_are_none(workers: int, pair: Pair, album: Path) -> None:
    with pytest.raises(UsageError, match=f"workers: expected 1 or more, got {workers}"):
        evaluate_pictures(plan_of(pair, album), workers=workers)


def test_cores_are_those_of_this_process_when_nobody_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running.os, "sched_getaffinity", lambda _: {1, 4, 7}, raising=False)
    assert cores() == 3
    monkeypatch.delattr(running.os, "sched_getaffinity")
    monkeypatch.setattr(running.os, "cpu_count", lambda: 5)
    assert cores() == 5
    monkeypatch.setattr(running.os, "cpu_count", lambda: None)
    assert cores() == 1


def test_model_error_advises_fewer_workers_when_a_worker_dies(
    pair: Pair, album: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Pool:
        """Its processes die at once."""

        def __init__(self, *_: object, **__: object) -> None:
            self.is_shut = False

        def submit(self, *_: object) -> None:
            raise running.BrokenProcessPool("died")

        def shutdown(self, **_: object) -> None:
            self.is_shut = True

    monkeypatch.setattr(running, "ProcessPoolExecutor", Pool)
    with pytest.raises(ModelError, match="the pictures that are finished are kept"):
        evaluate_pictures(plan_of(pair, album), workers=2)


@pytest.mark.parametrize(
    ("max_side", "shape", "expected"),
    [(0, (50, 80), (50, 80)), (80, (50, 80), (50, 80)), (40, (50, 80), (25, 40)),
     (16, (3, 4000), (1, 16)), (16, (4000, 3), (16, 1))],
)  # fmt: skip
def test_picture_is_shrunk_when_it_is_larger_than_wanted(
    max_side: int, shape: tuple[int, int], expected: tuple[int, int]
) -> None:
    picture = np.random.default_rng(0).random((*shape, 3), np.float32)
    stored = to_stored(picture, max_side)
    assert stored.shape == (*expected, 3) and stored.dtype == np.uint8
    if shape == expected:
        assert np.array_equal(stored, np.rint(255 * picture))


def test_levels_are_clipped_when_values_leave_the_range() -> None:
    picture = np.array([[[-0.5, 0.5, 1.5]]], np.float32)
    assert to_stored(picture, 0).tolist() == [[[0, 128, 255]]]


def decoded(address: str) -> np.ndarray:
    import base64
    import io

    kind, _, text = address.partition(",")
    assert kind == "data:image/jpeg;base64"
    with Image.open(io.BytesIO(base64.b64decode(text))) as image:
        return np.asarray(image.convert("RGB")).astype(np.int16)


def test_examples_show_what_was_evaluated_when_pictures_are_good(pair: Pair, album: Path) -> None:
    plan = plan_of(pair, album)
    examples = make_examples(plan)
    assert [one.name for one in examples.marked] == ["0.png", "1.png", "2.png"]
    first = examples.marked[0]
    stored = to_stored(read_image(plan.pictures[0]), 96)
    marked = mark_source(
        load_embedder(pair.embedder), stored,
        draw_message(SETTINGS, BITS, running.sha256(plan.pictures[0])),
    )  # fmt: skip
    for address, pixels in ((first.original, stored), (first.marked, marked)):
        shown = decoded(address)
        assert shown.shape == pixels.shape  # small enough to be shown as it is
        assert np.abs(shown - pixels).mean() < 5  # but for the compression
    difference = 128 + AMPLIFICATION * (marked.astype(np.int16) - stored)
    assert np.abs(decoded(first.difference) - difference.clip(0, 255)).mean() < 6


def test_strongest_attack_of_each_family_is_shown_when_there_are_several(
    pair: Pair, album: Path
) -> None:
    shown = [one.attack for one in make_examples(plan_of(pair, album)).attacked]
    assert shown == ["identity", "crop 0.5", "noise 0.2", "jpeg 30"]
    upwards = tuple(
        Attack((AttackStep(family, strength),))
        for family, strength in (("resize", 0.3), ("resize", 0.9), ("blur", 3), ("blur", 9))
    )
    shown = [one.attack for one in make_examples(plan_of(pair, album, attacks=upwards)).attacked]
    assert shown == ["resize 0.3", "blur 9"]


def test_examples_are_of_the_next_pictures_when_the_first_is_damaged(
    pair: Pair, album: Path, tmp_path: Path
) -> None:
    (tmp_path / "bad.png").write_bytes(b"no picture")
    plan = plan_of(pair, album)
    plan = dataclasses.replace(plan, pictures=(tmp_path / "bad.png", *plan.pictures[:2]))
    assert [one.name for one in make_examples(plan).marked] == ["0.png", "1.png"]
    nothing = make_examples(dataclasses.replace(plan, pictures=(tmp_path / "bad.png",)))
    assert (nothing.marked, nothing.attacked) == ((), ())
