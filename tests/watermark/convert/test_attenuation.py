"""An embedder can include the attenuation: upstream's map, once."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from conversions import small_card
from edgeseal.data import photo_paths
from edgeseal.errors import ConversionError
from edgeseal.pictures import read_image, resize
from edgeseal.tflite.graph import read_model, write_model
from edgeseal.tflite.quantization import find_recipe, quantize
from edgeseal.watermark.cards import Card, Part
from edgeseal.watermark.convert import convert_part
from edgeseal.watermark.convert._attenuated_embedder import AttenuatedEmbedder, attenuated_chain
from edgeseal.watermark.models import random_weights
from edgeseal.watermark.runtime import LiteRTEmbedder, Message, load_embedder
from edgeseal.watermark.runtime._attenuation_map import find_attenuation
from narrow import narrow_card
from upstream import UpstreamEmbedder, is_decided, upstream_jnd, upstream_pipeline

NAMES = ["jnd_1_1", "jnd_1_3", "jnd_1_3_blue", "jnd_3_1", "jnd_3_3"]
SIZE = 64


class Ones(torch.nn.Module):
    """An embedder whose watermark is 1 everywhere, so that the map is the result."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, images: torch.Tensor, messages: torch.Tensor) -> torch.Tensor:
        return torch.ones_like(images.narrow(self.dim, 0, 1))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("photo", photo_paths()[:2], ids=lambda path: path.stem)
def test_maps_equal_upstream_when_computed_by_either_form(name: str, photo: Path) -> None:
    attenuation = find_attenuation(name)
    assert attenuation is not None
    rgb = resize(read_image(photo), SIZE, SIZE)
    picture, message = torch.from_numpy(rgb)[None], torch.zeros(1, 16)
    channels_first = picture.permute(0, 3, 1, 2)
    expected = upstream_jnd(name).heatmaps(channels_first)[0].permute(1, 2, 0)
    with torch.no_grad():
        plain = AttenuatedEmbedder(Ones(1), attenuation)(channels_first, message)
        exported = attenuated_chain(Ones(3), attenuation)(picture, message)[0]
    decided = torch.from_numpy(is_decided(upstream_jnd(name), rgb))
    for found in (plain[0].permute(1, 2, 0), exported):
        difference = (found - expected).abs().amax(dim=2)
        assert difference[decided].max() <= 1e-6


def embedder(card: Card, folder: Path, recipe: str = "float32") -> LiteRTEmbedder:
    conversion = convert_part(random_weights(card, Part.EMBEDDER, 0), include_attenuation=True)
    write_model(conversion.model, folder / "float.tflite", overwrite=True)
    model = read_model(folder / "float.tflite")
    quantize(model, find_recipe(recipe))
    write_model(model, folder / f"{recipe}.tflite", overwrite=True)
    return load_embedder(folder / f"{recipe}.tflite")


def test_picture_equals_upstream_when_the_file_attenuates(tmp_path: Path) -> None:
    card = dataclasses.replace(narrow_card("videoseal_1.0"), scaling_w=2.0)
    ours = embedder(card, tmp_path)
    assert ours.info.attenuation is None
    assert ours.info.included_attenuation == "jnd_1_1"
    upstream = UpstreamEmbedder(card)
    upstream.load_state_dict(random_weights(card, Part.EMBEDDER, 0).module.state_dict())
    message = Message.random(card.bits, seed=1)
    bits = torch.tensor(message.bits)[None]
    for size in ((SIZE, SIZE), (90, 121)):
        rgb = np.random.default_rng(0).random((*size, 3), dtype=np.float32)
        picture = torch.from_numpy(rgb).permute(2, 0, 1)[None]
        with torch.no_grad():
            pipeline = upstream_pipeline(card, upstream)
            expected = pipeline.embed(picture, bits, lowres_attenuation=True)["imgs_w"]
        difference = ours.embed_array(rgb, message) - expected[0].permute(1, 2, 0).numpy()
        assert np.abs(difference).max() <= 1e-4


def test_map_stays_exact_when_quantized(tmp_path: Path) -> None:
    card = narrow_card("videoseal_1.0")
    ours = embedder(card, tmp_path, "dynamic-int8")
    float_ours = load_embedder(tmp_path / "float.tflite")
    rgb = resize(read_image(photo_paths()[0]), SIZE, SIZE)
    message = Message.random(card.bits, seed=1)
    found, expected = ours.delta(rgb, message), float_ours.delta(rgb, message)
    error = np.square(found - expected).mean() / np.square(expected).mean()
    assert 0 < error <= 0.02


def test_conversion_is_refused_when_there_is_no_attenuation() -> None:
    loaded = random_weights(small_card(), Part.EMBEDDER, 0)
    with pytest.raises(ConversionError, match="has no attenuation"):
        convert_part(loaded, include_attenuation=True)
