"""Conversion: equal to the plain definition, and of a structure that quantizers can take."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from conversions import loaded_part
from edgeseal.errors import ConversionError
from edgeseal.tflite.graph import new_operator
from edgeseal.watermark.cards import Part
from edgeseal.watermark.convert import (
    Conversion,
    convert_part,
    exportable,
    stock_conversion,
    structural_problems,
)
from graphs import constant, model_of, value


@pytest.fixture(scope="module", params=list(Part), ids=lambda part: part.value)
def conversion(request: pytest.FixtureRequest) -> Conversion:
    return convert_part(loaded_part(request.param))


def test_exported_form_equals_definition_when_norms_are_not_trivial(
    conversion: Conversion,
) -> None:
    assert 0 < conversion.rewrite_difference <= 1e-5


def test_litert_equals_pytorch_when_given_photographs(conversion: Conversion) -> None:
    assert 0 < conversion.runtime_difference <= 1e-4


def test_structure_suits_delegates_when_converted(conversion: Conversion) -> None:
    assert list(structural_problems(conversion.model)) == []
    assert max(t.rank for t in conversion.model.main.tensors()) == 4


def test_signature_has_runtime_names_when_converted(conversion: Conversion) -> None:
    signature = conversion.model.signatures[0]
    expected = {"detector": (["image"], ["logits"]), "embedder": (["image", "message"], ["delta"])}
    assert (list(signature.inputs), list(signature.outputs)) == expected[conversion.info.part]


def test_description_names_the_seed_when_weights_are_random(conversion: Conversion) -> None:
    assert (conversion.info.random_seed, conversion.info.checkpoint) == (0, None)
    assert (conversion.info.card, conversion.info.bits) == ("small", 16)


def test_structural_problems_name_rank_and_left_constants_when_stock() -> None:
    problems = list(structural_problems(stock_conversion(loaded_part(Part.DETECTOR))))
    assert sum("constant on the left" in problem for problem in problems) == 6  # 2 per block
    assert any("has rank 6" in problem for problem in problems)


def test_structural_problems_name_a_constant_matrix_when_it_is_added_to_rows() -> None:
    x, y = value("x", [4, 3]), value("y", [4, 3])
    table = constant("table", np.ones((4, 3), np.float32))
    sums = [new_operator("ADD", [x, table], [y], fusedActivationFunction=0)]
    (problem,) = structural_problems(model_of([x], [y], sums))
    assert "constant matrix" in problem


def test_conversion_is_refused_when_exported_form_differs() -> None:
    loaded = loaded_part(Part.DETECTOR)
    loaded.module.register_forward_hook(lambda module, inputs, logits: logits + 0.01)
    with pytest.raises(
        ConversionError, match=r"small detector.*\n.*definition.s: by .*, more than 1e-05"
    ):
        convert_part(loaded)


@pytest.mark.parametrize(("window", "indexes"), [(4, ()), (8, (0, 1, 2)), (16, ()), (2, (0, 2))])
def test_exported_detector_equals_definition_when_windows_vary(
    window: int, indexes: tuple[int, ...]
) -> None:
    from edgeseal.watermark.models import ViTDetector

    torch.manual_seed(0)
    detector = ViTDetector(
        bits=8,
        image_size=256,
        in_channels=3,
        embed_dim=12,
        depth=3,
        num_heads=3,
        patch_size=16,
        window_size=window,
        global_attn_indexes=indexes,
        mlp_ratio=2,
        out_channels=8,
    ).eval()
    for parameter in detector.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    picture = torch.rand(1, 256, 256, 3)
    with torch.inference_mode():
        expected = detector(picture.permute(0, 3, 1, 2))
        result = exportable(detector, 256)(picture)
    assert torch.allclose(result, expected, atol=1e-5 * float(expected.abs().max()))
