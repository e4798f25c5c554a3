"""Families refuse strengths that mean nothing; sets come from names and from files."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeseal.data import photo_paths
from edgeseal.errors import FileError, UsageError
from edgeseal.pictures import read_image
from edgeseal.watermark.evaluate.attacks import (
    ATTACK_SETS,
    Attack,
    AttackStep,
    attacks_from_json,
    attacks_to_json,
    find_attacks,
    sweep,
)
from edgeseal.watermark.evaluate.attacks._attack import FAMILIES

PICTURE_FAMILIES = [name for name, family in FAMILIES.items() if not family.is_clip]


def photo(height: int = 45, width: int = 67) -> np.ndarray:
    image = read_image(photo_paths()[1])
    rows = np.linspace(0, len(image) - 1, height).astype(int)
    columns = np.linspace(0, image.shape[1] - 1, width).astype(int)
    return np.ascontiguousarray(image[rows][:, columns])


def attack(family: str, strength: float | None = None) -> Attack:
    return Attack((AttackStep(family, strength),))


def strengths(family: str) -> list[float | None]:
    """The ends of a family's range, and something between."""
    found = FAMILIES[family]
    if not found.strength:
        return [None]
    middle = (found.low + found.high) / 2
    if found.is_odd or found.is_integer:
        middle = 2 * (middle // 2) + 1
    return [found.low, middle, found.high] if found.high <= 4 else [found.low, middle]


@pytest.mark.parametrize("family", PICTURE_FAMILIES)
def test_pixels_stay_in_range_when_a_family_is_at_its_ends(family: str) -> None:
    picture = photo()
    for strength in strengths(family):
        if strength is not None and not math.isfinite(strength):
            continue
        before = picture.copy()
        attacked = attack(family, strength).apply(picture, np.random.default_rng(1))
        assert np.array_equal(picture, before)
        assert attacked.dtype == np.float32 and attacked.ndim == 3 and attacked.shape[2] == 3
        assert attacked.min() >= -1e-6 and attacked.max() <= 1 + 1e-6, strength
        assert np.isfinite(attacked).all()


@pytest.mark.parametrize("family", PICTURE_FAMILIES)
def test_attack_is_the_same_when_its_draw_is(family: str) -> None:
    picture, strength = photo(), strengths(family)[-1]
    if strength is not None and not math.isfinite(strength):
        strength = 0.5
    one, other = (
        attack(family, strength).apply(picture, np.random.default_rng(7)) for _ in range(2)
    )
    assert np.array_equal(one, other)


@pytest.mark.parametrize(
    ("family", "strength"),
    [
        ("identity", None), ("rotate", 0), ("rotate", 360), ("resize", 1), ("crop", 1),
        ("perspective", 0), ("brightness", 1), ("contrast", 1), ("saturation", 1), ("blur", 1),
        ("median", 1), ("noise", 0), ("overlay", 0),
    ],
)  # fmt: skip
def test_picture_stays_when_the_strength_is_nothing(family: str, strength: float | None) -> None:
    picture = photo()
    attacked = attack(family, strength).apply(picture, np.random.default_rng(0))
    assert np.abs(attacked - picture).max() < 1e-4


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (7, 1), (2, 3)])
@pytest.mark.parametrize("family", PICTURE_FAMILIES)
def test_attack_works_when_the_picture_is_tiny(family: str, shape: tuple[int, int]) -> None:
    picture = np.random.default_rng(0).random((*shape, 3), np.float32)
    strength = {"blur": 3, "median": 3, "jpeg": 50, "resize": 0.3, "crop": 0.3, "rotate": 30}
    chosen = strength.get(family, 0.5) if FAMILIES[family].strength else None
    attacked = attack(family, chosen).apply(picture, np.random.default_rng(2))
    assert attacked.size > 0
    assert np.isfinite(attacked).all()


def test_flip_is_undone_when_flipped_again() -> None:
    picture, twice = photo(), Attack((AttackStep("flip"), AttackStep("flip")))
    assert np.array_equal(twice.apply(picture, np.random.default_rng(0)), picture)
    assert not np.array_equal(attack("flip").apply(picture, np.random.default_rng(0)), picture)


@pytest.mark.parametrize("quarters", [-4, -1, 1, 2, 3, 4])
def test_quarter_turns_lose_nothing_when_rotated(quarters: int) -> None:
    turned = attack("rotate", 90 * quarters).apply(photo(), np.random.default_rng(0))
    assert np.array_equal(turned, np.rot90(photo(), quarters))


@given(st.floats(0.01, 1), st.integers(1, 40), st.integers(1, 40), st.integers(0, 9))
@settings(max_examples=60)
def test_crop_is_a_window_of_the_picture_when_any_size_is_asked_for(
    share: float, height: int, width: int, seed: int
) -> None:
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    picture = np.stack([rows, columns, rows], axis=-1)
    window = attack("crop", share).apply(picture, np.random.default_rng(seed))
    assert window.shape[:2] == (max(1, int(share * height)), max(1, int(share * width)))
    top, left = window[0, 0, :2].astype(int)
    expected = picture[top : top + len(window), left : left + window.shape[1]]
    assert np.array_equal(window, expected)


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5, 1.0])
def test_overlay_covers_its_share_with_one_colour_when_drawn(share: float) -> None:
    picture = photo(60, 90)
    for seed in range(5):
        covered = attack("overlay", share).apply(picture, np.random.default_rng(seed))
        changed = (covered != picture).any(axis=2)
        assert changed.mean() == pytest.approx(share, abs=0.03)
        assert len(np.unique(covered[changed], axis=0)) == 1
        rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
        inside = changed[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        assert inside.all()  # one rectangle


def test_steps_come_one_after_the_other_when_there_are_several() -> None:
    picture = photo()
    steps = (AttackStep("crop", 0.5), AttackStep("noise", 0.1), AttackStep("flip"))
    rng = np.random.default_rng(5)
    expected = picture
    for step in steps:
        expected = Attack((step,)).apply(expected, rng)
    assert np.array_equal(Attack(steps).apply(picture, np.random.default_rng(5)), expected)


def test_clip_has_one_draw_for_all_frames_when_a_step_is_random() -> None:
    clip = np.stack([photo()] * 3)
    for family, strength in (("crop", 0.5), ("noise", 0.1), ("perspective", 0.5)):
        attacked = attack(family, strength).apply_to_clip(clip, np.random.default_rng(0))
        assert all(np.array_equal(frame, attacked[0]) for frame in attacked)


def test_stored_levels_are_rounded_when_called_with_bytes() -> None:
    stored = np.rint(255 * photo()).astype(np.uint8)
    darker = attack("brightness", 0.5)(stored, np.random.default_rng(0))
    assert darker.dtype == np.uint8
    assert np.abs(darker - stored / 2).max() <= 0.5 + 1e-4
    clip = attack("flip")(np.stack([stored, stored]), np.random.default_rng(0))
    assert np.array_equal(clip, np.stack([stored[:, ::-1]] * 2))


@pytest.mark.parametrize(
    ("family", "strength", "words"),
    [
        ("squeeze", 1, "attack 'squeeze': no such family; choose among identity, flip"),
        ("flip", 2, "attack flip: takes no strength, got 2"),
        ("crop", None, r"attack crop: needs a strength \(share of each side\)"),
        ("crop", 0, r"expected a strength \(share of each side\) of 0.01 to 1, one, got 0"),
        ("crop", 1.01, "of 0.01 to 1, one, got 1.01"),
        ("crop", math.nan, "got nan"),
        ("resize", math.inf, "got inf"),
        ("jpeg", 50.5, "of 1 to 100, an integer, got 50.5"),
        ("jpeg", 101, "of 1 to 100, an integer, got 101"),
        ("blur", 4, "of 1 to 99, an odd integer, got 4"),
        ("median", 3.5, "an odd integer, got 3.5"),
        ("h264", 52, "of 0 to 51, an integer, got 52"),
        ("noise", -0.1, "got -0.1"),
    ],
)
def test_step_is_refused_when_it_means_nothing(
    family: str, strength: float | None, words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        AttackStep(family, strength)


def test_attack_is_refused_when_it_has_no_steps() -> None:
    with pytest.raises(UsageError, match="expected one step or more, got none"):
        Attack(())


def test_picture_is_refused_when_the_attack_is_for_videos() -> None:
    combined = Attack((AttackStep("crop", 0.5), AttackStep("h264", 23)))
    assert combined.is_clip
    with pytest.raises(UsageError, match=r"attack crop 0\.5 \+ h264 23: is for videos"):
        combined.apply(photo(), np.random.default_rng(0))


def test_names_tell_families_and_strengths_when_steps_are_several() -> None:
    made = Attack((AttackStep("jpeg", 60), AttackStep("flip"), AttackStep("crop", 0.71)))
    assert made.name == "jpeg 60 + flip + crop 0.71"
    assert made.family == "jpeg + flip + crop"
    assert made.strength == 60
    assert not made.is_clip
    assert attack("flip").strength is None


@pytest.mark.parametrize("name", list(ATTACK_SETS))
def test_set_has_each_attack_once_when_named(name: str) -> None:
    attacks = find_attacks(name)
    names = [one.name for one in attacks]
    assert len(set(names)) == len(names)
    assert attacks[0].name == "identity"
    assert any(one.is_clip for one in attacks) is (name == "video")


@pytest.mark.parametrize("name", list(ATTACK_SETS))
def test_set_comes_back_when_it_went_through_json(name: str) -> None:
    text = json.dumps({"schema_version": 1, "attacks": attacks_to_json(ATTACK_SETS[name])})
    assert attacks_from_json(text) == ATTACK_SETS[name]


def test_strengths_are_attacks_of_their_own_when_a_file_lists_them(tmp_path: Path) -> None:
    path = tmp_path / "mine.JSON"
    path.write_text(
        json.dumps(
            {
                "schema_version": 1,
                "attacks": [
                    {"family": "jpeg", "strengths": [40, 90]},
                    {"family": "flip"},
                    [{"family": "crop", "strength": 0.5}, {"family": "flip", "strength": None}],
                ],
            }
        )
    )
    combined = Attack((AttackStep("crop", 0.5), AttackStep("flip")))
    assert find_attacks(str(path)) == (*sweep("jpeg", (40, 90)), attack("flip"), combined)


def listed(*attacks: Any, version: object = 1) -> str:
    return json.dumps({"schema_version": version, "attacks": list(attacks)})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "no JSON: "),
        ("[]", "expected .*schema_version.* got schema_version None"),
        (listed(version=2), "got schema_version 2"),
        ('{"schema_version": 1, "attacks": {}}', "got schema_version 1"),
        (listed(), "there is no attack in it"),
        (listed(3), "attack 1: expected a step or a list of steps, got 3"),
        (listed([]), "attack 1: attack: expected one step or more, got none"),
        (listed(["jpeg"]), "attack 1: expected a step or a list of steps"),
        (listed({"family": "jpeg", "strengths": 3}), "strengths: expected a list of numbers"),
        (listed({"family": "jpeg", "strengths": []}), r"strengths: .* got \[\]"),
        (listed({"family": "jpeg", "strengths": ["x"]}), "the name of a family and a number"),
        (listed({"family": "jpeg", "strength": True}), "the name of a family and a number"),
        (listed({"strength": 3}), "the name of a family and a number"),
        (
            listed({"family": "flip", "speed": 1, "angle": 2}),
            "family and strength, got also angle, speed",
        ),
        (listed({"family": "flip"}, {"family": "flip"}), "flip: is there twice"),
    ],
)
def test_attacks_are_refused_when_the_text_means_nothing(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        attacks_from_json(text)


def test_everything_wrong_is_listed_when_several_attacks_are(tmp_path: Path) -> None:
    path = tmp_path / "bad.json"
    path.write_text(
        listed({"family": "blur", "strength": 4}, {"family": "flip"}, {"family": "x"}, [{}])
    )
    with pytest.raises(UsageError) as caught:
        find_attacks(str(path))
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert re.findall(r"attack (\d):", message) == ["1", "3", "4"]


def test_choice_is_refused_when_it_is_neither_set_nor_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such set; choose quick, full, video, or"):
        find_attacks("fulll")
    with pytest.raises(FileError, match=r"gone\.json: cannot be read \(No such file"):
        find_attacks(str(tmp_path / "gone.json"))
    (tmp_path / "binary.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match=r"binary\.json: no JSON"):
        find_attacks(str(tmp_path / "binary.json"))
