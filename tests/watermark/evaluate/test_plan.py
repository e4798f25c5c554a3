"""A plan is refused before any work, and its fingerprint tells results apart."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgeseal.errors import FileError, ModelError, UsageError
from edgeseal.tflite.graph import write_model
from edgeseal.watermark.evaluate import EvaluationPlan, EvaluationSettings, find_attacks
from edgeseal.watermark.evaluate._engines import ENGINES, open_detector, sha256
from edgeseal.watermark.evaluate._evaluation_plan import make_plan, versions
from edgeseal.watermark.evaluate._layer_errors import layer_pairs
from edgeseal.watermark.evaluate.attacks import Attack, AttackStep
from pairs import BITS, SIZE, Pair, detector_model, make_carriers, write_pair

QUICK = EvaluationSettings(find_attacks("quick"))


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return write_pair(tmp_path_factory.mktemp("pair"))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("pictures")
    for index in range(2):
        Image.new("RGB", (40, 30), (index, 90, 200)).save(folder / f"{index}.png")
    return sorted(folder.iterdir())


def plan_of(pair: Pair, pictures: list[Path], **changes: object) -> EvaluationPlan:
    settings = dataclasses.replace(QUICK, **changes)
    return make_plan([pair.detector], pair.embedder, pictures, settings)


def test_plan_says_what_the_files_are_when_they_fit(pair: Pair, pictures: list[Path]) -> None:
    plan = plan_of(pair, pictures)
    (model,) = plan.models
    assert (model.name, model.engine, model.card, model.recipe) == (
        "detector", "LiteRT", "tiny", "float32"
    )  # fmt: skip
    assert (plan.bits, model.image_size) == (BITS, SIZE)
    assert model.size_bytes == pair.detector.stat().st_size
    assert model.sha256 == sha256(pair.detector)
    assert plan.pictures == tuple(pictures)
    assert plan.reference is model and model.is_float


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 1}, {"max_side": 512}, {"message": "00" * 3}, {"frames": 3}, {"card": "tiny"},
        {"attacks": find_attacks("full")}, {"attacks": QUICK.attacks[:-1]},
        {"attacks": QUICK.attacks[::-1]},
    ],
)  # fmt: skip
def test_fingerprint_is_another_when_settings_change_results(
    changes: dict[str, object], pair: Pair, pictures: list[Path]
) -> None:
    fingerprint = plan_of(pair, pictures).fingerprint()
    assert plan_of(pair, pictures).fingerprint() == fingerprint
    assert plan_of(pair, pictures, **changes).fingerprint() != fingerprint


def test_fingerprint_stays_when_rates_or_pictures_are_others(
    pair: Pair, pictures: list[Path]
) -> None:
    fingerprint = plan_of(pair, pictures).fingerprint()
    assert plan_of(pair, pictures, rates=(0.5,)).fingerprint() == fingerprint
    assert plan_of(pair, pictures[:1]).fingerprint() == fingerprint


def test_fingerprint_is_another_when_a_model_or_a_package_is(
    pair: Pair, pictures: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fingerprint = plan_of(pair, pictures).fingerprint()
    other = write_pair(tmp_path, random_seed=8)
    assert plan_of(other, pictures).fingerprint() != fingerprint
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "999")
    assert plan_of(pair, pictures).fingerprint() != fingerprint


def test_packages_are_passed_over_when_they_are_not_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def version(name: str) -> str:
        if name == "numpy":
            return "1"
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    assert versions() == {"numpy": "1"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"rates": (0.0,)}, "false-positive rate: expected more than 0 and less than 1, got 0"),
        ({"rates": (0.1, 1.0)}, "less than 1, got 1"),
        ({"seed": -1}, "seed: expected 0 or more, got -1"),
        ({"max_side": 15}, "longest side: expected 16 or more, or 0 for any, got 15"),
        ({"frames": 0}, "frames: expected 1 or more, got 0"),
        ({"attacks": ()}, "attacks: expected one or more, got none"),
    ],
)
def test_settings_are_refused_when_they_mean_nothing(
    changes: dict[str, object], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        dataclasses.replace(QUICK, **changes)


def test_all_settings_are_named_when_several_mean_nothing() -> None:
    with pytest.raises(UsageError) as caught:
        EvaluationSettings((), seed=-1, max_side=3, rates=(2.0,), frames=0)
    assert len(str(caught.value).splitlines()) == 5
    assert EvaluationSettings(QUICK.attacks, max_side=0).max_side == 0


def test_models_are_told_apart_when_files_are_called_alike(
    pair: Pair, pictures: list[Path], tmp_path: Path
) -> None:
    copy = tmp_path / pair.detector.name
    shutil.copy(pair.detector, copy)
    plan = make_plan([pair.detector, copy], pair.embedder, pictures, QUICK)
    assert [model.name for model in plan.models] == [str(pair.detector), str(copy)]


@pytest.mark.parametrize(
    ("models", "chosen", "error", "words"),
    [
        (0, 2, UsageError, "expected one model or more, got none"),
        (2, 2, UsageError, r"detector\.tflite: is given twice"),
        (1, 0, UsageError, "expected one picture or more, got none"),
    ],
)
def test_plan_is_refused_when_something_is_missing_or_twice(
    models: int, chosen: int, error: type[Exception], words: str, pair: Pair, pictures: list[Path]
) -> None:
    with pytest.raises(error, match=words):
        make_plan([pair.detector] * models, pair.embedder, pictures[:chosen], QUICK)


def test_every_misfit_is_listed_when_models_are_of_other_cards(
    pair: Pair, pictures: list[Path], tmp_path: Path
) -> None:
    write_model(detector_model(make_carriers(), card="other"), tmp_path / "card.tflite")
    write_model(detector_model(make_carriers(8), bits=8), tmp_path / "bits.tflite")
    models = [pair.detector, tmp_path / "card.tflite", tmp_path / "bits.tflite"]
    with pytest.raises(ModelError) as caught:
        make_plan(models, pair.embedder, pictures, QUICK)
    lines = str(caught.value).splitlines()
    assert len(lines) == 2
    assert "reads 24 bits of other" in lines[0] and "reads 8 bits of tiny" in lines[1]
    assert all("give a detector and an embedder of one card" in line for line in lines)


def test_videos_and_pictures_are_refused_when_mixed(pair: Pair, pictures: list[Path]) -> None:
    with pytest.raises(UsageError, match=r"b\.mp4: is a video .* 1 videos and 2 pictures sep"):
        plan_of(pair, [*pictures, Path("b.mp4")])


def test_encoders_are_refused_when_sources_are_pictures(pair: Pair, pictures: list[Path]) -> None:
    with pytest.raises(UsageError, match=r"attack h264 23: is for videos, but .*0\.png"):
        plan_of(pair, pictures, attacks=(Attack((AttackStep("h264", 23),)),))


def test_reference_is_the_first_that_is_not_quantized_when_there_is_one(
    pair: Pair, pictures: list[Path], tmp_path: Path
) -> None:
    for name, recipe in (("a", "dynamic-int8"), ("b", "float32"), ("c", "weight-only")):
        model = detector_model(make_carriers(), recipe=recipe, checkpoint_sha256="0" * 64)
        write_model(model, tmp_path / f"{name}.tflite")
    write_model(
        detector_model(make_carriers(), recipe="dynamic-int8", checkpoint_sha256="1" * 64),
        tmp_path / "d.tflite",
    )
    paths = [tmp_path / f"{name}.tflite" for name in "abcd"]
    plan = make_plan(paths, pair.embedder, pictures, QUICK)
    assert plan.reference.name == "b"
    assert [(one.name, other.name) for one, other in layer_pairs(plan)] == [("b", "a"), ("b", "c")]
    quantized = make_plan([paths[0], paths[2]], pair.embedder, pictures, QUICK)
    assert quantized.reference.name == "a"
    assert layer_pairs(quantized) == []


def test_engine_is_refused_when_no_ending_names_one(tmp_path: Path) -> None:
    path = tmp_path / "model.h5"
    path.write_bytes(b"")
    with pytest.raises(UsageError) as caught:
        open_detector(path)
    assert all(suffix in str(caught.value) for suffix in ENGINES)


def test_engine_is_found_when_the_ending_is_in_capitals(pair: Pair, tmp_path: Path) -> None:
    path = tmp_path / "DETECTOR.TFLITE"
    shutil.copy(pair.detector, path)
    opened = open_detector(path)
    assert (opened.engine, opened.info.bits) == ("LiteRT", BITS)
    logits = opened.detector.logits(np.zeros((2, SIZE, SIZE, 3), np.float32))
    assert logits.shape == (2, BITS)


@pytest.mark.parametrize("suffix", [".pth", ".onnx", ".xml"])
def test_card_is_asked_for_when_a_file_does_not_say_it(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"model{suffix}"
    path.write_bytes(b"anything")
    with pytest.raises(UsageError, match="does not say its card; give"):
        open_detector(path)


@pytest.mark.parametrize("suffix", [".onnx", ".xml"])
def test_file_is_named_when_another_engine_cannot_load_it(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"model{suffix}"
    path.write_bytes(b"no model at all")
    with pytest.raises(ModelError, match=rf"model\{suffix}: cannot be loaded: "):
        open_detector(path, card="videoseal_0.0")
    with pytest.raises(FileError, match=rf"gone\{suffix}: cannot be read \(no such file\)"):
        open_detector(tmp_path / f"gone{suffix}", card="videoseal_0.0")


def test_checksum_is_refused_when_a_file_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"gone: cannot be read \(No such file"):
        sha256(tmp_path / "gone")
