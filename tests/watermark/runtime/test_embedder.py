"""Embedding: the whole way from picture to marked picture."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from edgeseal.errors import ImageError, ModelError, UsageError
from edgeseal.pictures import read_image
from edgeseal.tflite.graph import Buffer, Tensor, new_operator, read_model, write_model
from edgeseal.watermark.runtime import LiteRTEmbedder, Message, load_embedder

BITS, SIZE, STRENGTH = 24, 32, 0.03
MESSAGE = Message.random(BITS, seed=2)


@pytest.fixture(scope="module")
def embedder(pair: Any) -> LiteRTEmbedder:
    return load_embedder(pair.embedder)


def oracle(
    image: NDArray[Any], message: Message, carriers: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Mark a picture, float [H, W, 3] in 0..1, the way upstream does, with PyTorch in double."""
    torch = pytest.importorskip("torch")
    options = {"mode": "bilinear", "align_corners": False, "antialias": True}
    interpolate = torch.nn.functional.interpolate
    full = torch.from_numpy(np.asarray(image, np.float64)).permute(2, 0, 1)[None]
    small = interpolate(full, size=(SIZE, SIZE), **options)
    signs = torch.tensor(message.bits, dtype=torch.float64) * 2 - 1
    pattern = (signs @ torch.from_numpy(carriers).double()).reshape(1, SIZE, SIZE, 3)
    delta = torch.tanh(STRENGTH * pattern.permute(0, 3, 1, 2) + 0.02 * small)
    delta = interpolate(delta, size=full.shape[-2:], **options)
    marked = torch.clamp(0.97 * full + 0.8 * delta, 0, 1)
    result: NDArray[np.float64] = marked[0].permute(1, 2, 0).numpy()
    return result


@pytest.mark.parametrize("size", [(60, 90), (32, 32), (17, 200), (1, 50), (301, 5), (1, 1)])
def test_marked_picture_equals_torch_when_floating_point(
    embedder: LiteRTEmbedder, pair: Any, size: tuple[int, int]
) -> None:
    image = np.random.default_rng(0).random((*size, 3), dtype=np.float32)
    marked = embedder.embed_array(image, MESSAGE)
    assert marked.dtype == np.float32
    np.testing.assert_allclose(marked, oracle(image, MESSAGE, pair.carriers), rtol=0, atol=3e-6)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_marked_picture_is_rounded_to_the_nearest_when_integer(
    embedder: LiteRTEmbedder, pair: Any, dtype: type[np.unsignedinteger[Any]]
) -> None:
    peak = np.iinfo(dtype).max
    image = np.random.default_rng(0).integers(0, peak, (60, 90, 3), dtype, endpoint=True)
    marked = embedder.embed_array(image, MESSAGE)
    expected = oracle(image / peak, MESSAGE, pair.carriers) * peak
    assert marked.dtype == dtype
    assert np.abs(marked - expected).max() <= 0.5 + 4e-6 * peak
    assert {0, peak} <= set(np.unique(marked).tolist()), "the clamp was not reached"


def test_delta_equals_the_oracle_when_asked_for(embedder: LiteRTEmbedder, pair: Any) -> None:
    image = np.random.default_rng(0).random((SIZE, SIZE, 3), dtype=np.float32)
    signs = 2 * MESSAGE.array() - 1
    expected = np.tanh(STRENGTH * (signs @ pair.carriers).reshape(image.shape) + 0.02 * image)
    np.testing.assert_allclose(embedder.delta(image, MESSAGE), expected, rtol=0, atol=1e-6)


@pytest.fixture(scope="module")
def grey_embedder(pair: Any, tmp_path_factory: pytest.TempPathFactory) -> LiteRTEmbedder:
    """The embedder, with the mean of its watermark over the colours."""
    model = read_model(pair.embedder)
    (signature,) = model.signatures
    axis = Tensor("axis", (1,), "INT32", Buffer.of(np.array([3], np.int32)))
    grey = Tensor("grey", (1, SIZE, SIZE, 1), "FLOAT32")
    mean = new_operator("MEAN", [signature.outputs["delta"], axis], [grey], keepDims=True)
    model.main.operators.append(mean)
    model.main.outputs = [grey]
    signature.outputs = {"delta": grey}
    path = tmp_path_factory.mktemp("grey") / "grey.tflite"
    write_model(model, path)
    return load_embedder(path)


def test_watermark_goes_to_all_colours_when_it_has_one_channel(
    embedder: LiteRTEmbedder, grey_embedder: LiteRTEmbedder
) -> None:
    image = np.random.default_rng(0).random((SIZE, SIZE, 3), dtype=np.float32)
    delta = embedder.delta(image, MESSAGE).mean(axis=2, keepdims=True)
    marked = grey_embedder.embed_array(image, MESSAGE)
    np.testing.assert_allclose(marked, (0.97 * image + 0.8 * delta).clip(0, 1), rtol=0, atol=1e-6)


def test_picture_has_size_and_message_when_embedded(
    embedder: LiteRTEmbedder, photo: NDArray[np.uint8]
) -> None:
    marked = embedder.embed(photo, MESSAGE.hex)
    assert marked.message == MESSAGE
    assert (marked.image.mode, marked.image.size) == ("RGB", (90, 60))
    np.testing.assert_array_equal(np.asarray(marked.image), embedder.embed_array(photo, MESSAGE))


def test_psnr_is_measured_after_rounding_when_embedded(
    embedder: LiteRTEmbedder, photo: NDArray[np.uint8]
) -> None:
    marked = embedder.embed(photo, MESSAGE)
    difference = np.asarray(marked.image).astype(float) - photo
    expected = 10 * math.log10(255**2 / np.square(difference).mean())
    assert marked.psnr_db == pytest.approx(expected, abs=1e-4)
    record = json.loads(json.dumps(marked.to_json()))
    assert record["psnr_db"] == marked.psnr_db
    assert record["message"] == MESSAGE.hex


def test_psnr_is_infinite_when_nothing_changes(
    write_embedder: Callable[..., Path], photo: NDArray[np.uint8]
) -> None:
    marked = load_embedder(write_embedder(scaling_w=0.0, scaling_i=1.0)).embed(photo, MESSAGE)
    np.testing.assert_array_equal(np.asarray(marked.image), photo)
    assert marked.psnr_db == math.inf
    assert marked.to_json()["psnr_db"] is None


@pytest.mark.parametrize("mode", ["L", "1", "P", "CMYK", "I;16"])
def test_picture_becomes_rgb_when_its_mode_is_another(
    embedder: LiteRTEmbedder, photo: NDArray[np.uint8], mode: str
) -> None:
    image = Image.fromarray(photo).convert("L" if mode == "I;16" else mode)
    if mode == "I;16":
        image = Image.fromarray(np.asarray(image).astype(np.uint16) * 257)
    marked = embedder.embed(image, MESSAGE)
    assert (marked.image.mode, marked.image.size) == ("RGB", (90, 60))
    direct = embedder.embed_array(read_image(image), MESSAGE)
    assert np.abs(np.asarray(marked.image) - direct * 255).max() <= 0.501


@pytest.mark.parametrize("mode", ["1", "L", "LA", "I;16", "F"])
def test_picture_stays_grey_when_the_watermark_has_no_colour(
    grey_embedder: LiteRTEmbedder, photo: NDArray[np.uint8], mode: str
) -> None:
    image = Image.fromarray(photo).convert({"I;16": "L"}.get(mode, mode))
    if mode == "I;16":
        image = Image.fromarray(np.asarray(image).astype(np.uint16) * 257)
    elif mode == "F":
        image = image.point(lambda value: value * (1 / 255))
    marked = grey_embedder.embed(image, MESSAGE)
    assert marked.pixels.shape == (60, 90, 2 if mode == "LA" else 1)
    assert marked.pixels.dtype == (np.uint16 if mode == "I;16" else np.uint8)
    peak = np.iinfo(marked.pixels.dtype).max
    colour = grey_embedder.embed_array(read_image(image), MESSAGE)
    assert (colour[..., 0] == colour[..., 2]).all()
    assert np.abs(marked.pixels[..., 0] / peak - colour[..., 0]).max() <= 0.51 / peak
    assert marked.psnr_db < 60


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_alpha_is_kept_when_there_is_one(
    embedder: LiteRTEmbedder, photo: NDArray[np.uint8], dtype: Any
) -> None:
    alpha = np.arange(60 * 90).reshape(60, 90, 1) % 256
    array = np.concatenate([photo, alpha], 2)
    array = (array / 255).astype(dtype) if dtype is np.float32 else array.astype(dtype)
    array *= 257 if dtype is np.uint16 else 1
    marked = embedder.embed(array, MESSAGE).image
    assert marked.mode == "RGBA"
    np.testing.assert_array_equal(np.asarray(marked)[..., 3], alpha[..., 0])
    kept = embedder.embed_array(array, MESSAGE)
    assert kept.dtype == dtype
    np.testing.assert_array_equal(kept[..., 3], array[..., 3])
    opaque = embedder.embed_array(array[..., :3], MESSAGE)
    np.testing.assert_array_equal(kept[..., :3], opaque)


def test_array_is_untouched_when_embedded(
    embedder: LiteRTEmbedder, photo: NDArray[np.uint8]
) -> None:
    before = photo.copy()
    embedder.embed(photo, MESSAGE)
    embedder.embed_array(photo, MESSAGE)
    np.testing.assert_array_equal(photo, before)


def test_picture_is_refused_when_it_moves(embedder: LiteRTEmbedder, tmp_path: Path) -> None:
    frames = [Image.new("RGB", (40, 30), (shade, 0, 0)) for shade in (255, 128)]
    frames[0].save(tmp_path / "moves.png", save_all=True, append_images=frames[1:])
    with pytest.raises(ImageError, match=r"moves\.png: has 2 frames"):
        embedder.embed(tmp_path / "moves.png", MESSAGE)


def test_message_is_refused_when_its_length_is_wrong(
    embedder: LiteRTEmbedder, photo: NDArray[np.uint8]
) -> None:
    with pytest.raises(UsageError, match=r"expected 6 hexadecimal digits .24 bits., got 4"):
        embedder.embed(photo, "abcd")
    with pytest.raises(UsageError, match="got 96 bits"):
        embedder.embed_array(photo, Message.random(96))


def test_part_is_named_when_a_detector_is_loaded_as_embedder(pair: Any) -> None:
    with pytest.raises(ModelError, match=r"detector\.tflite: .*expected an embedder.*--part embed"):
        load_embedder(pair.detector)


def test_results_are_equal_when_more_threads_run_one_picture(
    pair: Any, embedder: LiteRTEmbedder, photo: NDArray[np.uint8]
) -> None:
    image = photo.astype(np.float32) / 255
    threaded = load_embedder(pair.embedder, threads=2)
    np.testing.assert_allclose(
        threaded.embed_array(image, MESSAGE),
        embedder.embed_array(image, MESSAGE),
        rtol=0,
        atol=1e-6,
    )
