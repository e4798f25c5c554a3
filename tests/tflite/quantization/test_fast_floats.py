"""Layers that are faster in float than quantized while running stay float, and it is said."""

from __future__ import annotations

import numpy as np
import pytest

from edgeseal.tflite.graph import Model, new_operator
from edgeseal.tflite.quantization import QuantizationReport, find_recipe, quantize
from graphs import constant, kinds, made, model_of, value

DYNAMIC = find_recipe("dynamic-int8")
STRIDES = {"strideH": 1, "strideW": 1, "dilationHFactor": 1, "dilationWFactor": 1, "padding": 0}


def two_layers(kind: str, weights: tuple[int, ...], *, side: int = 256) -> Model:
    """Return a 3 x 3 convolution of a picture, and behind it the layer in question."""
    rng = np.random.default_rng(0)
    channels = weights[3]
    outputs = channels if kind == "DEPTHWISE_CONV_2D" else weights[0]
    x, hidden = value("x", (1, side, side, 3)), value("hidden", (1, side, side, channels))
    y = value("y", (1, side, side, outputs))
    first = constant("w1", rng.normal(size=(channels, 3, 3, 3)).astype(np.float32))
    second = constant("w2", rng.normal(size=weights).astype(np.float32))
    b1, b2 = (constant(f"b{n}", np.zeros(n, np.float32)) for n in (channels, outputs))
    more = {"depthMultiplier": 1} if kind == "DEPTHWISE_CONV_2D" else {}
    return model_of(
        [x],
        [y],
        [
            new_operator("CONV_2D", [x, first, b1], [hidden], **STRIDES),
            new_operator(kind, [hidden, second, b2], [y], **STRIDES, **more),
        ],
    )


def quantized(model: Model) -> QuantizationReport:
    return quantize(model, DYNAMIC)


@pytest.mark.parametrize(
    ("kind", "weights", "dtype"),
    [
        ("CONV_2D", (3, 1, 1, 16), "FLOAT32"),
        ("CONV_2D", (16, 1, 1, 16), "FLOAT32"),
        ("CONV_2D", (16, 3, 3, 16), "INT8"),
        ("DEPTHWISE_CONV_2D", (1, 3, 3, 16), "FLOAT32"),  # behind a DEQUANTIZE
        ("DEPTHWISE_CONV_2D", (1, 7, 7, 16), "INT8"),
    ],
)
def test_layer_stays_float_when_it_has_few_products_for_each_value(
    kind: str, weights: tuple[int, ...], dtype: str
) -> None:
    model = two_layers(kind, weights)
    report = quantized(model)
    operand = made(model, "y").inputs[1]
    assert operand is not None
    assert operand.dtype == dtype
    assert any("faster" in note for note in report.notes)


def test_depthwise_weights_are_halved_when_they_stay_float() -> None:
    model = two_layers("DEPTHWISE_CONV_2D", (1, 3, 3, 16))
    quantized(model)
    assert "DEQUANTIZE" in kinds(model)


def test_first_layer_has_one_float_term_when_it_reads_few_values() -> None:
    model = two_layers("CONV_2D", (16, 3, 3, 16))
    quantized(model)
    operand = made(model, "hidden").inputs[1]
    assert operand is not None
    assert operand.dtype == "FLOAT32"
    assert kinds(model).count("CONV_2D") == 2


def test_layers_are_integer_when_maps_are_small() -> None:
    model = two_layers("CONV_2D", (3, 1, 1, 16), side=16)
    report = quantized(model)
    assert not any("faster" in note for note in report.notes)
    operand = made(model, "y").inputs[1]
    assert operand is not None
    assert operand.dtype == "INT8"
