"""Our attacks do what upstream's do: its own classes on the same pictures."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from edgeseal.data import photo_paths
from edgeseal.watermark.evaluate.attacks import ATTACK_SETS, Attack, AttackStep, sweep
from edgeseal.watermark.evaluate.attacks.geometry import warp
from upstream import upstream_module
from watermark.evaluate.torchvision_formulas import functional_module, transforms_module

Picture = NDArray[np.float32]
ROUNDING = 2e-5


@pytest.fixture(scope="module")
def torchvision() -> Iterator[types.ModuleType]:
    """torchvision's formulas under its name, while upstream's modules are imported."""
    transforms = transforms_module()
    package = types.ModuleType("torchvision")
    package.transforms = transforms  # type: ignore[attr-defined]
    modules = {
        "torchvision": package,
        "torchvision.transforms": transforms,
        "torchvision.transforms.functional": functional_module(),
    }
    before = {name: sys.modules.get(name) for name in modules}
    sys.modules.update(modules)
    yield transforms
    for name, module in before.items():
        if module is None:
            del sys.modules[name]
        else:
            sys.modules[name] = module


@pytest.fixture(scope="module")
def upstream(torchvision: types.ModuleType) -> types.SimpleNamespace:
    modules = [
        upstream_module(name, package="augmentation") for name in ("geometric", "valuemetric")
    ]
    names = {name: getattr(module, name) for module in modules for name in vars(module)}
    return types.SimpleNamespace(**names, RandomCrop=torchvision.RandomCrop)


@pytest.fixture(scope="module")
def picture() -> Picture:
    """A photograph, neither square nor of even sides."""
    photo = Image.open(photo_paths()[0]).convert("RGB").resize((67, 45))
    return np.asarray(photo, np.float32) / np.float32(255)


def ours(family: str, strength: float | None, picture: Picture) -> Picture:
    before = picture.copy()
    attacked = Attack((AttackStep(family, strength),)).apply(picture, np.random.default_rng(3))
    assert np.array_equal(picture, before)
    assert attacked.dtype == np.float32
    return attacked


def theirs(attack: Any, strength: float | None, picture: Picture) -> Picture:
    image = torch.from_numpy(picture.copy()).permute(2, 0, 1)[None]
    attacked = attack(image, None, strength)[0]
    result: Picture = attacked[0].permute(1, 2, 0).numpy()
    return result


@pytest.mark.parametrize(
    ("family", "name", "strengths"),
    [
        ("flip", "HorizontalFlip", [None]),
        ("resize", "Resize", [0.32, 0.71, 1.0]),
        ("brightness", "Brightness", [0.1, 0.5, 2.0]),
        ("contrast", "Contrast", [0.1, 0.5, 2.0]),
        ("saturation", "Saturation", [0.5, 1.5]),
        ("hue", "Hue", [-0.4, 0.0, 0.1, 0.5]),
        ("grayscale", "Grayscale", [None]),
        ("jpeg", "JPEG", [40, 60, 90]),
        ("blur", "GaussianBlur", [3, 9, 17]),
        ("median", "MedianFilter", [3, 5, 9]),
    ],
)
def test_family_equals_upstream_when_given_the_same_picture(
    upstream: types.SimpleNamespace,
    picture: Picture,
    family: str,
    name: str,
    strengths: list[float | None],
) -> None:
    for strength in strengths:
        expected = theirs(getattr(upstream, name)(), strength, picture)
        attacked = ours(family, strength, picture)
        assert attacked.shape == expected.shape
        assert np.abs(attacked - expected).max() < ROUNDING, (family, strength)


@pytest.mark.parametrize("angle", [5, 10, 30, 45, 90, -10, 100])
def test_rotation_equals_upstream_when_pixels_have_one_nearest(
    upstream: types.SimpleNamespace, picture: Picture, angle: float
) -> None:
    expected = theirs(upstream.Rotate(), angle, picture)
    attacked = ours("rotate", angle, picture)
    assert attacked.shape == expected.shape
    other = np.abs(attacked - expected).max(axis=2) > ROUNDING
    assert other.mean() < 0.003  # places half-way between two pixels, up to rounding


def test_rotation_goes_against_the_clock_as_pillows(picture: Picture) -> None:
    image = Image.fromarray(np.rint(255 * picture).astype(np.uint8))
    turned = np.asarray(image.rotate(10), np.float32) / 255
    same = np.abs(ours("rotate", 10, picture) - turned).max(axis=2) < 1e-3
    assert same.mean() > 0.9


@pytest.mark.parametrize("size", [0.32, 0.71, 1.0])
def test_crop_equals_upstream_when_the_place_is_the_same(
    upstream: types.SimpleNamespace, picture: Picture, size: float
) -> None:
    rng = np.random.default_rng(3)
    height, width = (int(size * side) for side in picture.shape[:2])
    top = rng.integers(0, picture.shape[0] - height + 1)
    upstream.RandomCrop.place = (int(top), int(rng.integers(0, picture.shape[1] - width + 1)))
    assert np.array_equal(ours("crop", size, picture), theirs(upstream.Crop(), size, picture))


@pytest.mark.parametrize("scale", [0.1, 0.5, 0.8])
def test_warp_equals_upstream_when_the_corners_are_the_same(
    upstream: types.SimpleNamespace, picture: Picture, scale: float
) -> None:
    torch.manual_seed(5)
    height, width = picture.shape[:2]
    _, corners = upstream.Perspective.get_perspective_params(width, height, scale)
    torch.manual_seed(5)
    expected = theirs(upstream.Perspective(), scale, picture)
    attacked = warp(picture, [tuple(corner) for corner in corners])
    assert np.abs(attacked - expected).max() < ROUNDING


def test_corners_fill_upstreams_ranges_when_drawn_often(picture: Picture) -> None:

    from edgeseal.watermark.evaluate.attacks import geometry

    seen: list[list[tuple[int, int]]] = []
    replaced = pytest.MonkeyPatch()
    replaced.setattr(geometry, "warp", lambda picture, corners: seen.append(corners) or picture)
    for seed in range(300):
        Attack((AttackStep("perspective", 0.5),)).apply(picture, np.random.default_rng(seed))
    replaced.undo()
    height, width = picture.shape[:2]
    dx, dy = int(0.5 * (width // 2)), int(0.5 * (height // 2))
    places = np.array(seen)
    # as upstream's torch.randint calls say, their upper ends excluded
    assert places[:, 0].min(axis=0).tolist() == [0, 0]
    assert places[:, 0].max(axis=0).tolist() == [dx, dy]
    assert places[:, 2].min(axis=0).tolist() == [width - dx - 1, height - dy - 1]
    assert places[:, 2].max(axis=0).tolist() == [width - 1, height - 1]


def test_noise_has_upstreams_deviation_when_nothing_is_clipped() -> None:
    grey = np.full((200, 200, 3), 0.5, np.float32)
    noise = ours("noise", 0.05, grey) - grey
    assert abs(noise.std() / 0.05 - 1) < 0.01
    assert abs(noise.mean()) < 1e-3


def test_combined_attack_equals_upstreams_sequence(
    upstream: types.SimpleNamespace, picture: Picture
) -> None:
    steps = (AttackStep("jpeg", 60), AttackStep("crop", 0.71), AttackStep("brightness", 0.5))
    attacked = Attack(steps).apply(picture, np.random.default_rng(4))
    rng = np.random.default_rng(4)
    height, width = (int(0.71 * side) for side in picture.shape[:2])
    top = rng.integers(0, picture.shape[0] - height + 1)
    upstream.RandomCrop.place = (int(top), int(rng.integers(0, picture.shape[1] - width + 1)))
    sequence = upstream_module("sequential", package="augmentation").Sequential(
        upstream.JPEG(), upstream.Crop(), upstream.Brightness()
    )
    expected = theirs(sequence, (60, 0.71, 0.5), picture)  # type: ignore[arg-type]
    assert np.abs(attacked - expected).max() < ROUNDING


def test_full_set_has_upstreams_validation_list() -> None:
    names = {attack.name for attack in ATTACK_SETS["full"]}
    sides = (0.32, 0.45, 0.55, 0.63, 0.71, 0.77, 0.84, 0.89, 0.95, 1.0)
    factors = (0.1, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0)
    validation = {
        "rotate": (5, 10, 30, 45, 90), "resize": sides, "crop": sides,
        "perspective": (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8), "brightness": factors,
        "contrast": factors, "hue": (-0.4, -0.3, -0.2, -0.1, 0.0, 0.1, 0.2, 0.3, 0.4, 0.5),
        "jpeg": (40, 50, 60, 70, 80, 90), "blur": (3, 5, 9, 13, 17),
    }  # fmt: skip
    expected = {
        attack.name for family in validation for attack in sweep(family, validation[family])
    }
    expected |= {"identity", "flip", "grayscale"}
    expected |= {f"jpeg {quality} + crop 0.71 + brightness 0.5" for quality in (40, 60, 80)}
    assert expected <= names
