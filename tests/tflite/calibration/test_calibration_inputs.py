"""What a float model is run on: pictures, parts of them, and drawn messages."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from edgeseal.data import photo_paths
from edgeseal.errors import FileError, ImageError, ModelError, UsageError
from edgeseal.pictures import read_image
from edgeseal.tflite.calibration import CalibrationInputs, bundled_inputs, inputs_from
from edgeseal.tflite.calibration._calibration_inputs import _crop
from edgeseal.tflite.graph import Model, Tensor, new_operator
from graphs import model_of, value

SIZE = 24


def taking(*inputs: Tensor) -> Model:
    """A model of which only the inputs matter here."""
    y = value("y", inputs[0].shape if inputs else [1])
    operators = [new_operator("ABS", [inputs[0]], [y])] if inputs else []
    return model_of(list(inputs), [y], operators)


def picture_model(*others: Tensor) -> Model:
    return taking(value("image", [1, SIZE, SIZE, 3]), *others)


def test_picture_is_torchs_resize_when_it_is_the_whole_one() -> None:
    (found,) = bundled_inputs(views=1).arrays(0, picture_model())
    photo = torch.from_numpy(read_image(photo_paths()[0])).permute(2, 0, 1)[None]
    expected = torch.nn.functional.interpolate(
        photo, (SIZE, SIZE), mode="bilinear", align_corners=False, antialias=True
    )
    assert found.shape == (1, SIZE, SIZE, 3)
    assert np.abs(found[0] - expected[0].permute(1, 2, 0).numpy()).max() < 1e-5


def test_inputs_are_the_same_when_asked_again() -> None:
    model = picture_model(value("message", [1, 32]))
    inputs = bundled_inputs(views=3)
    forth = [inputs.arrays(index, model) for index in range(4)]
    back = [bundled_inputs(views=3).arrays(index, model) for index in reversed(range(4))]
    for one, other in zip(forth, reversed(back), strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_every_input_differs_when_views_are_several() -> None:
    model, inputs = picture_model(), bundled_inputs(views=3)
    assert len(inputs) == 3 * len(photo_paths())
    found = {inputs.arrays(index, model)[0].tobytes() for index in range(6)}
    assert len(found) == 6


def test_views_are_of_their_picture_when_counted_through(tmp_path: Path) -> None:
    for shade in (0, 120, 240):
        Image.new("RGB", (60, 50), (shade, shade, shade)).save(tmp_path / f"{shade:03}.png")
    inputs = CalibrationInputs(tuple(sorted(tmp_path.iterdir())), views=2)
    means = [float(inputs.arrays(index, picture_model())[0].mean()) for index in range(6)]
    assert means == pytest.approx([v / 255 for v in (0, 0, 120, 120, 240, 240)], abs=1e-6)


@pytest.mark.parametrize("shape", [(200, 100), (40, 33), (31, 300), (5, 7), (1, 1)])
def test_crop_is_a_part_of_the_picture_when_its_size_varies(shape: tuple[int, int]) -> None:
    height, width = shape
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    image = np.stack([rows, columns, rows * 0], axis=-1)
    for seed in range(20):
        part = _crop(image, np.random.default_rng(seed))
        top, left = part[0, 0, :2].astype(int)
        assert np.array_equal(part, image[top : top + len(part), left : left + part.shape[1]])
        for size, whole in zip(part.shape[:2], shape, strict=True):
            assert size >= min(32, whole)
            assert 0.5 * whole - 1 <= size <= max(0.9 * whole + 1, min(32, whole))


def test_crops_reach_every_border_when_many_are_drawn() -> None:
    rows, columns = np.mgrid[:40, :40].astype(np.float32)
    image = np.stack([rows, columns, rows], axis=-1)
    parts = [_crop(image, np.random.default_rng(seed)) for seed in range(200)]
    assert min(part[0, 0, 0] for part in parts) == min(part[0, 0, 1] for part in parts) == 0
    assert max(part[-1, 0, 0] for part in parts) == max(part[0, -1, 1] for part in parts) == 39


def test_messages_are_fair_bits_when_drawn() -> None:
    model = picture_model(value("message", [1, 256]))
    inputs = bundled_inputs(views=2)
    messages = np.stack([inputs.arrays(index, model)[1] for index in range(6)])
    assert messages.dtype == np.float32
    assert set(np.unique(messages)) == {0, 1}
    assert 0.45 < messages.mean() < 0.55
    assert len({message.tobytes() for message in messages}) == 6


def test_messages_are_others_when_the_seed_is() -> None:
    model = picture_model(value("message", [1, 64]))
    one, other = (bundled_inputs(seed=seed).arrays(0, model) for seed in (0, 1))
    assert np.array_equal(one[0], other[0])  # the whole picture is not drawn
    assert not np.array_equal(one[1], other[1])


def test_arrays_come_in_the_order_of_the_inputs_when_the_message_is_first() -> None:
    message, image = value("message", [1, 8]), value("image", [1, SIZE, SIZE, 3])
    arrays = bundled_inputs().arrays(0, taking(message, image))
    assert [array.shape for array in arrays] == [(1, 8), (1, SIZE, SIZE, 3)]


@pytest.mark.parametrize(
    ("tensors", "words"),
    [
        ([], "its inputs are: none"),
        ([value("x", [1, 4])], r"no single input for one .* x FLOAT32 \[1, 4\]"),
        ([value("a", [1, 8, 8, 3]), value("b", [1, 8, 8, 3])], "no single input for one"),
        ([value("a", [1, 8, 8, 3]), value("table", [4, 5, 6])], r"also takes: table FLOAT32"),
        ([value("a", [1, 8, 8, 3]), value("ids", [1, 6], "INT32")], r"also takes: ids INT32"),
        ([value("a", [1, -1, -1, 3])], r"also takes: a FLOAT32 \[1, -1, -1, 3\]"),
    ],
)
def test_usage_error_lists_inputs_when_they_cannot_be_given(
    tensors: list[Tensor], words: str
) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        bundled_inputs().arrays(0, taking(*tensors))
    assert "use a recipe that needs no calibration" in str(caught.value)


def test_model_error_names_type_when_the_model_is_quantized() -> None:
    image = value("image", [1, 8, 8, 3], "INT8", 0.1)
    with pytest.raises(ModelError, match="'image' is INT8, expected FLOAT32"):
        bundled_inputs().arrays(0, taking(image))


def album(folder: Path, **sizes: int) -> Path:
    folder.mkdir()
    for name, size in sizes.items():
        Image.new("RGB", (size, size)).save(folder / f"{name}.png")
    return folder


def test_pictures_are_counted_once_when_named_twice(tmp_path: Path) -> None:
    folder = album(tmp_path / "album", a=4, b=5)
    inputs = inputs_from([folder, folder / "a.png", folder])
    assert inputs.pictures == (folder / "a.png", folder / "b.png")
    assert len(inputs) == 2
    assert not inputs.is_bundled


def test_digest_stays_when_pictures_are_moved(tmp_path: Path) -> None:
    folder = album(tmp_path / "album", a=4, b=40)
    before = inputs_from([folder]).digest(2)
    shutil.copytree(folder, tmp_path / "elsewhere")
    assert inputs_from([tmp_path / "elsewhere"]).digest(2) == before


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "a.png").rename(folder / "c.png"),
        lambda folder: (folder / "b.png").write_bytes(b"another size"),
        lambda folder: (folder / "b.png").unlink(),
    ],
    ids=["name", "size", "number"],
)
def test_digest_is_another_when_pictures_are(tmp_path: Path, change: Any) -> None:
    folder = album(tmp_path / "album", a=4, b=40)
    before = inputs_from([folder]).digest(2)
    change(folder)
    assert inputs_from([folder]).digest(2) != before


def test_digest_is_another_when_views_or_seed_are(tmp_path: Path) -> None:
    pictures = inputs_from([album(tmp_path / "album", a=4, b=40)]).pictures
    variants = [CalibrationInputs(pictures, views, seed) for views in (1, 2) for seed in (0, 1)]
    assert len({variant.digest(2) for variant in variants}) == 4


def test_digest_covers_what_was_seen_when_only_some_inputs_were(tmp_path: Path) -> None:
    folder = album(tmp_path / "album", a=4, b=40, c=400)
    one, other = inputs_from([folder]), inputs_from([folder / "a.png", folder / "b.png"])
    assert one.digest(2) == other.digest(2)
    assert one.digest(3) != one.digest(2)
    pair = CalibrationInputs(one.pictures, views=2)
    assert pair.digest(1) == pair.digest(2) != pair.digest(3)  # two views of each picture


def test_picture_is_named_when_it_is_gone(tmp_path: Path) -> None:
    folder = album(tmp_path / "album", a=4)
    inputs = inputs_from([folder])
    shutil.rmtree(folder)
    with pytest.raises(FileError, match=r"a\.png"):
        inputs.digest(1)
    with pytest.raises(FileError, match=r"a\.png"):
        inputs.arrays(0, picture_model())


def test_view_names_the_file_when_it_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "cut.png"
    path.write_bytes(photo_paths()[0].read_bytes()[:900])
    with pytest.raises(ImageError, match=r"cut\.png"):
        CalibrationInputs((path,), views=2).arrays(1, picture_model())


def test_endings_are_listed_when_a_folder_has_no_pictures(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing to see")
    with pytest.raises(FileError, match=r"no pictures to calibrate with; .*\.png"):
        inputs_from([tmp_path])
