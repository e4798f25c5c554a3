"""The convolutional family converts: equal, of a structure for quantizers, and in INT8."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from conversions import loaded_part
from edgeseal.tflite.graph import read_model, write_model
from edgeseal.tflite.probe import refusal
from edgeseal.tflite.quantization import find_recipe, quantize
from edgeseal.watermark.cards import Part, load_card
from edgeseal.watermark.convert import Conversion, convert_part, exportable, structural_problems
from edgeseal.watermark.models import UNetEmbedder, random_weights
from edgeseal.watermark.runtime import open_session
from narrow import narrow_card

# VideoSeal 1.0 and PixelSeal have the same detector, and embedders of one kind.
CONVERTED = [
    ("videoseal_1.0", Part.DETECTOR),
    ("pixelseal", Part.EMBEDDER),
    ("chunkyseal", Part.DETECTOR),
    ("chunkyseal", Part.EMBEDDER),
]


@pytest.fixture(scope="module", params=CONVERTED, ids=lambda param: f"{param[0]}-{param[1].value}")
def conversion(request: pytest.FixtureRequest) -> Conversion:
    name, part = request.param
    return convert_part(loaded_part(part, card=narrow_card(name)))


def results(path: Path, part: Part, count: int = 4) -> NDArray[np.float32]:
    """Return what a file makes of smooth random pictures and random messages."""
    session = open_session(path, part.value, threads=1)
    generator = torch.Generator().manual_seed(1)
    size = (session.info.image_size,) * 2
    coarse = torch.rand((count, 3, 8, 8), generator=generator)
    pictures = torch.nn.functional.interpolate(coarse, size=size, mode="bilinear")
    messages = torch.randint(0, 2, (count, session.info.bits), generator=generator).float()
    made = []
    for picture, message in zip(pictures, messages, strict=True):
        inputs = {"image": picture.permute(1, 2, 0)[None].numpy(), "message": message[None].numpy()}
        wanted = inputs if part is Part.EMBEDDER else {"image": inputs["image"]}
        made += session.run(wanted).values()
    return np.stack(made)


def test_results_are_equal_when_converted(conversion: Conversion) -> None:
    assert 0 < conversion.rewrite_difference <= 1e-5
    assert 0 < conversion.runtime_difference <= 1e-4


def test_structure_suits_delegates_when_converted(conversion: Conversion) -> None:
    assert list(structural_problems(conversion.model)) == []
    kinds = {operator.kind for operator in conversion.model.operators()}
    assert not kinds & {"TRANSPOSE", "GATHER", "BROADCAST_TO", "BATCH_MATMUL"}


def test_int8_runs_and_agrees_when_quantized(conversion: Conversion, tmp_path: Path) -> None:
    part = Part(conversion.info.part)
    write_model(conversion.model, tmp_path / "float.tflite")
    model = read_model(tmp_path / "float.tflite")
    quantize(model, find_recipe("dynamic-int8"))
    write_model(model, tmp_path / "int8.tflite")
    expected, found = (results(tmp_path / f"{kind}.tflite", part) for kind in ("float", "int8"))
    assert 0 < np.square(found - expected).mean() <= 0.02 * expected.var()


def test_watermark_has_one_channel_when_the_network_sees_luma(conversion: Conversion) -> None:
    outputs = conversion.model.signatures[0].outputs
    expected = {"narrow_pixelseal": 1, "narrow_chunkyseal": 3}
    if conversion.info.part == "embedder":
        assert outputs["delta"].shape == (1, 64, 64, expected[conversion.info.card])


@pytest.mark.parametrize("activation", ["relu", "silu", "gelu"])
@pytest.mark.parametrize("normalization", ["batch", "rms", "layer"])
def test_exported_embedder_equals_definition_when_norms_vary(
    normalization: str, activation: str
) -> None:
    torch.manual_seed(0)
    embedder = UNetEmbedder(
        bits=8,
        hidden_size=6,
        channels=1 if normalization == "batch" else 3,
        z_channels=6,
        z_channels_mults=(1, 2, 3),
        num_blocks=2,
        activation_name=activation,
        normalization_name=normalization,
    ).eval()
    for name, tensor in embedder.double().state_dict().items():
        if tensor.is_floating_point():
            noise = 0.3 * torch.randn(tensor.shape)
            tensor.add_(noise.abs() if name.endswith("running_var") else noise)
    picture = torch.rand(1, 32, 32, 3).double()
    message = torch.randint(0, 2, (1, 8)).double()
    with torch.inference_mode():
        expected = embedder(picture.permute(0, 3, 1, 2), message).permute(0, 2, 3, 1)
        result = exportable(embedder, 32).double()(picture, message)
    assert expected.std() > 1e-3
    assert torch.allclose(result, expected, rtol=0, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("part", Part)
@pytest.mark.parametrize("name", ["videoseal_1.0", "pixelseal"])
def test_published_sizes_are_met_when_full_size(name: str, part: Part, tmp_path: Path) -> None:
    limits = {  # MiB in float32 and INT8: 4 bytes and 1 byte a parameter, and little else
        ("videoseal_1.0", Part.DETECTOR): (127.6, 32.9),
        ("videoseal_1.0", Part.EMBEDDER): (90.4, 22.8),
        ("pixelseal", Part.DETECTOR): (127.6, 32.9),
        ("pixelseal", Part.EMBEDDER): (167.3, 42.1),
    }
    paths = tmp_path / "float.tflite", tmp_path / "int8.tflite"
    write_model(convert_part(random_weights(load_card(name), part, 0)).model, paths[0])
    quantized = read_model(paths[0])
    quantize(quantized, find_recipe("dynamic-int8"))
    write_model(quantized, paths[1])
    assert refusal(paths[1]) is None
    sizes = [path.stat().st_size / 2**20 for path in paths]
    assert all(size <= limit for size, limit in zip(sizes, limits[name, part], strict=True))
