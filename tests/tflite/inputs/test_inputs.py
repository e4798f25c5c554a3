"""The same real values for every file: pictures in any layout and type, or drawn ones."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from edgeseal.data import photo_paths
from edgeseal.errors import FileError, UsageError
from edgeseal.pictures import read_image
from edgeseal.tflite.graph import Model, Tensor, new_operator
from edgeseal.tflite.inputs import (
    converted,
    drawn_samples,
    model_inputs,
    picture_input,
    picture_samples,
    pink_noise,
    samples_from_pictures,
)
from graphs import model_of, value

SIZE = 20
PHOTO = photo_paths()[3]


def taking(*inputs: Tensor) -> Model:
    y = value("y", inputs[0].shape if inputs else [1])
    return model_of(list(inputs), [y], [new_operator("ABS", [inputs[0]], [y])] if inputs else [])


def by_torch(image: np.ndarray) -> np.ndarray:
    planes = torch.from_numpy(image).permute(2, 0, 1)[None]
    small = torch.nn.functional.interpolate(
        planes, (SIZE, SIZE), mode="bilinear", align_corners=False, antialias=True
    )
    return small.numpy()


@pytest.mark.parametrize(
    ("shape", "dtype", "scale"),
    [
        ([1, SIZE, SIZE, 3], "FLOAT32", None), ([1, 3, SIZE, SIZE], "FLOAT32", None),
        ([1, SIZE, SIZE, 1], "FLOAT32", None), ([1, 1, SIZE, SIZE], "FLOAT32", None),
        ([1, SIZE, SIZE, 3], "UINT8", 1 / 255), ([1, 3, SIZE, SIZE], "INT8", 1 / 255),
        ([1, SIZE, SIZE, 3], "INT16", 1 / 32767), ([1, SIZE, SIZE, 3], "INT16", None),
    ],
)  # fmt: skip
def test_picture_is_torchs_in_every_layout_and_type(
    shape: list[int], dtype: str, scale: float | None
) -> None:
    tensor = value("image", shape, dtype, scale, zero=-128 if dtype == "INT8" else 0)
    (sample,) = picture_samples([PHOTO], tensor)
    planes = by_torch(read_image(PHOTO))  # [1, 3, H, W]
    if 1 in (shape[1], shape[3]):
        luma = np.array([0.299, 0.587, 0.114], np.float32)
        planes = np.einsum("bchw,c->bhw", planes, luma)[:, None]
    expected = planes if shape[1] in (1, 3) else planes.transpose(0, 2, 3, 1)
    array = sample["image"]
    assert array.shape == tuple(shape) and array.flags.c_contiguous
    levels = {"FLOAT32": 0.0, "UINT8": 255, "INT8": 255, "INT16": 32767}[dtype]
    if levels:
        real = (array.astype(np.float64) + (128 if dtype == "INT8" else 0)) / levels
        assert array.dtype == np.dtype(dtype.lower())
        assert np.abs(real - expected).max() <= 0.51 / levels + 1e-5
    else:
        assert np.abs(array - expected).max() < 1e-5


def test_picture_keeps_its_size_when_the_input_is_free() -> None:
    (sample,) = picture_samples([PHOTO], value("image", [1, -1, -1, 3]))
    assert np.array_equal(sample["image"][0], read_image(PHOTO))


def test_scale_of_the_tensor_counts_when_it_is_int16() -> None:
    white = np.ones((4, 4, 3), np.float32)
    tensor = value("image", [1, 4, 4, 3], "INT16", 1 / 16384)
    assert picture_samples([white], tensor)[0]["image"].max() == 16384
    narrow = value("image", [1, 4, 4, 3], "INT16", 1e-5)
    assert picture_samples([white], narrow)[0]["image"].max() == 32767  # clipped


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ([], "the model's inputs are: none"),
        ([value("x", [1, 4])], r"x FLOAT32 \[1, 4\]"),
        ([value("x", [1, 8, 8, 4])], r"x FLOAT32 \[1, 8, 8, 4\]"),
        ([value("x", [2, 8, 8, 3])], r"x FLOAT32 \[2, 8, 8, 3\]"),
        ([value("x", [1, 8, 8, 3], "INT32")], r"x INT32"),
        ([value("a", [1, 8, 8, 3]), value("b", [1, 3, 8, 8])], r"a FLOAT32 .*, b FLOAT32"),
    ],
)
def test_inputs_are_listed_when_none_or_several_take_a_picture(
    inputs: list[Tensor], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        picture_input(taking(*inputs))


def test_picture_input_is_found_when_there_are_others() -> None:
    image = value("image", [-1, 3, 8, 8], "UINT8", 0.1)
    assert picture_input(taking(value("message", [1, 8]), image)) is image


def pair() -> tuple[Model, Model]:
    """A float model and one whose inputs are integers."""
    return (
        taking(value("image", [1, 8, 8, 3]), value("message", [1, 6])),
        taking(
            value("image", [1, 8, 8, 3], "INT8", 1 / 255, -128),
            value("message", [1, 6], "INT8", 0.05, 3),
        ),
    )


def real(array: np.ndarray, tensor: Tensor) -> np.ndarray:
    if tensor.quantization is None:
        return array
    quantization = tensor.quantization
    return (array.astype(np.float64) - quantization.zero_point[0]) * quantization.scale[0]


@pytest.mark.parametrize("is_turned", [False, True])
def test_both_files_get_the_same_real_values_when_one_has_integers(is_turned: bool) -> None:
    reference, candidate = pair()[::-1] if is_turned else pair()
    samples = [
        *samples_from_pictures(reference, candidate, [PHOTO]),
        *drawn_samples(reference, candidate, 2),
    ]
    assert len(samples) == 3
    for sample in samples:
        for one, other in zip(reference.main.inputs, candidate.main.inputs, strict=True):
            ours, theirs = sample.reference[one], sample.candidate[other]
            assert ours.dtype == one.dtype.lower() and theirs.dtype == other.dtype.lower()
            assert np.allclose(real(ours, one), real(theirs, other), atol=1e-6)


def test_samples_are_the_same_when_the_seed_is() -> None:
    reference, candidate = pair()
    message = candidate.main.inputs[1]
    one, same, other = (
        [sample.candidate[message] for sample in drawn_samples(reference, candidate, 3, seed=seed)]
        for seed in (5, 5, 6)
    )
    assert all(np.array_equal(a, b) for a, b in zip(one, same, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
    assert not np.array_equal(one[0], one[1])


def test_all_models_get_the_same_real_values_when_one_has_integers() -> None:
    models = [pair()[0], pair()[1], pair()[0]]
    for pictures in (None, [PHOTO, PHOTO]):
        found = model_inputs(models, pictures, draws=2)
        assert [len(inputs) for inputs in found] == [2, 2, 2]
        assert [array.dtype for array in found[1][0]] == [np.int8, np.int8]
        for one, other in zip(found[0], found[2], strict=True):
            assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
        message = models[1].main.inputs[1]
        assert np.allclose(found[0][0][1], real(found[1][0][1], message), atol=1e-6)


def test_models_are_refused_when_inputs_differ() -> None:
    with pytest.raises(ValueError, match=r"\[1, 9, 9, 3\] against \[1, 8, 8, 3\], \[1, 6\]"):
        model_inputs([pair()[0], taking(value("image", [1, 9, 9, 3]))], None, draws=1)
    with pytest.raises(UsageError, match="pictures need one input"):
        model_inputs([taking(value("x", [1, 4]))], [PHOTO], draws=1)


def test_picture_is_named_when_it_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"gone\.png"):
        list(samples_from_pictures(*pair(), [tmp_path / "gone.png"]))


def test_pictures_are_read_one_by_one_when_iterated(tmp_path: Path) -> None:
    Image.new("RGB", (9, 9)).save(tmp_path / "good.png")
    samples = samples_from_pictures(*pair(), [tmp_path / "good.png", tmp_path / "gone.png"])
    assert next(samples).reference
    with pytest.raises(FileError):
        next(samples)


@pytest.mark.parametrize("side", [32, 61, 128])
def test_noise_is_a_picture_when_drawn(side: int) -> None:
    noise = pink_noise(side, np.random.default_rng(0))
    assert noise.shape == (side, side, 3) and noise.dtype == np.float32
    assert noise.min() >= 0 and noise.max() <= 1
    assert noise.mean() == pytest.approx(0.5, abs=0.05)
    assert noise.std() == pytest.approx(0.2, abs=0.03)


def test_noise_has_the_spectrum_of_photographs_when_transformed() -> None:
    side = 128
    noise = pink_noise(side, np.random.default_rng(0))[..., 0]
    spectrum = np.abs(np.fft.fft2(noise - noise.mean()))
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.fftfreq(side)[None])
    bands = [0.02, 0.04, 0.08, 0.16, 0.32]
    means = [
        spectrum[(low <= frequency) & (frequency < high)].mean()
        for low, high in itertools.pairwise(bands)
    ]
    slope = np.polyfit(range(4), np.log2(means), 1)[0]
    assert slope == pytest.approx(-1, abs=0.15)  # halves with every octave


def test_values_are_converted_when_types_differ() -> None:
    values = np.array([[-1.0, 0.0, 0.26]], np.float32)
    plain, scaled = value("a", [1, 3]), value("b", [1, 3], "INT8", 0.1, 5)
    stored = converted(values, plain, scaled)
    assert stored.dtype == np.int8 and stored.tolist() == [[-5, 5, 8]]
    assert np.allclose(converted(stored, scaled, plain), [[-1, 0, 0.3]])
    assert converted(values, plain, value("c", [1, 3])) is values
    wider = converted(stored, scaled, value("d", [1, 3], "INT16", 0.01))
    assert wider.dtype == np.int16 and wider.tolist() == [[-100, 0, 30]]
