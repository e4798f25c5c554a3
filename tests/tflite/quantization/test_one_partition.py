"""Recipes for speed leave nothing off the accelerated delegate, whatever the network."""

from __future__ import annotations

from pathlib import Path

import pytest

from conversions import loaded_part, small_card
from edgeseal.tflite.graph import Model, Operator, read_model, write_model
from edgeseal.tflite.probe import Prober, Unpacking
from edgeseal.tflite.quantization import find_recipe, quantize
from edgeseal.watermark.cards import Part
from edgeseal.watermark.convert import convert_part
from narrow import narrow_card

NETWORKS = [
    ("small", Part.DETECTOR),
    ("small", Part.EMBEDDER),
    ("videoseal_1.0", Part.DETECTOR),
    ("videoseal_1.0", Part.EMBEDDER),
    ("chunkyseal", Part.DETECTOR),
    ("chunkyseal", Part.EMBEDDER),
]


@pytest.fixture(scope="module", params=NETWORKS, ids=lambda param: f"{param[0]}-{param[1].value}")
def float_file(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    name, part = request.param
    card = small_card() if name == "small" else narrow_card(name)
    path = tmp_path_factory.mktemp(name) / "float.tflite"
    write_model(convert_part(loaded_part(part, card=card)).model, path)
    return path


def left_over(model: Model, path: Path) -> tuple[int, list[Operator]]:
    """Return the delegate's pieces, and the operators that run outside of them."""
    write_model(model, path)
    with Prober() as prober:
        outcome = prober.prepare(path)
    unpacking = Unpacking(model.main)
    outside = [
        operator
        for number, operator in enumerate(model.main.operators)
        if number not in outcome.delegated_nodes
        and not all(map(unpacking.is_result, operator.outputs))
    ]
    return outcome.delegated, outside


@pytest.mark.parametrize("recipe", ["float32", "dynamic-int8", "hybrid-int8"])
def test_delegate_takes_the_whole_graph_in_one_piece(
    recipe: str, float_file: Path, tmp_path: Path
) -> None:
    model = read_model(float_file)
    quantize(model, find_recipe(recipe))
    pieces, outside = left_over(model, tmp_path / "quantized.tflite")
    assert (pieces, outside) == (1, [])
