"""hybrid-int8: layers on fixed INT8 ranges, everything else float, and nothing lost on the way."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

import graphs
from conversions import converted
from edgeseal.tflite.calibration import Calibration, bundled_inputs
from edgeseal.tflite.graph import Model, new_operator, read_model, write_model
from edgeseal.tflite.metrics import nmse
from edgeseal.tflite.quantization import Recipe, find_recipe, quantize
from edgeseal.tflite.quantization.weights._integer_weights import constant
from edgeseal.watermark.cards import Part
from edgeseal.watermark.runtime import load_detector, open_session

HYBRID = find_recipe("hybrid-int8")


def trial(**methods: object) -> Recipe:
    changed = dataclasses.replace(HYBRID.methods, **methods)
    return dataclasses.replace(HYBRID, name="trial", methods=changed)


@pytest.fixture(scope="session")
def detector(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return converted(Part.DETECTOR, tmp_path_factory.mktemp("detector"))


@pytest.fixture(scope="session")
def embedder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return converted(Part.EMBEDDER, tmp_path_factory.mktemp("embedder"))


def layer_types(model: Model) -> set[tuple[str, str]]:
    kinds = ("FULLY_CONNECTED", "CONV_2D", "DEPTHWISE_CONV_2D")
    return {
        (operator.inputs[0].dtype, operator.inputs[1].dtype)
        for operator in model.operators()
        if operator.kind in kinds
    }


def test_detector_agrees_with_float_when_ranges_are_fixed(detector: Path, tmp_path: Path) -> None:
    model = read_model(detector)
    report = quantize(model, HYBRID)
    write_model(model, tmp_path / "hybrid.tflite")
    pictures = np.random.default_rng(0).random((4, 256, 256, 3), np.float32)
    files = detector, tmp_path / "hybrid.tflite"
    expected, result = (load_detector(path).logits(pictures) for path in files)
    assert nmse(result, expected) < 5e-3
    assert layer_types(model) == {("INT8", "INT8"), ("FLOAT32", "INT8")}  # the ends are dynamic
    activations = [layer.activations for layer in report.layers if layer.kind != "BATCH_MATMUL"]
    assert activations.count("int8") > activations.count("dynamic")


def test_shared_input_is_quantized_once_when_several_layers_read_it(detector: Path) -> None:
    model = read_model(detector)
    quantize(model, HYBRID)
    queries = [
        o for o in model.operators() if "query" in o.outputs[0].name and o.kind == "FULLY_CONNECTED"
    ]
    readers = model.main.consumers()[queries[0].inputs[0]]
    assert [operator.kind for operator in readers] == ["FULLY_CONNECTED"] * 3


def test_embedder_agrees_with_float_when_ranges_are_fixed(embedder: Path, tmp_path: Path) -> None:
    model = read_model(embedder)
    quantize(model, HYBRID)
    write_model(model, tmp_path / "hybrid.tflite")
    rng = np.random.default_rng(0)
    inputs = {
        "image": rng.random((1, 256, 256, 3), np.float32),
        "message": rng.integers(0, 2, (1, 16)).astype(np.float32),
    }
    files = embedder, tmp_path / "hybrid.tflite"
    expected, result = (open_session(p, "embedder", threads=1).run(inputs)["delta"] for p in files)
    assert nmse(result, expected) < 0.05


def chain(bias: float = 1.0, weight: float = 1.0) -> Model:
    """Picture -> linear -> linear -> linear -> linear: the ends are dynamic."""
    rng = np.random.default_rng(2)
    x = graphs.value("image", [1, 4, 4, 3])
    operators, source = [], x
    for index, channels in enumerate((8, 8, 8, 5)):
        weights = rng.normal(size=(channels, source.shape[-1])).astype(np.float32)
        shift = rng.normal(size=channels).astype(np.float32)
        if index == 1:
            weights[3] *= weight
            shift[3] *= bias
        operands = [
            source,
            graphs.constant(f"w{index}", weights),
            graphs.constant(f"b{index}", shift),
        ]
        result = graphs.value(f"y{index}", [1, 4, 4, channels])
        operators.append(
            new_operator(
                "FULLY_CONNECTED", operands, [result], fusedActivationFunction=0, keepNumDims=True
            )
        )
        source = result
    return graphs.model_of([x], [source], operators)


def error(model: Model, recipe: Recipe) -> float:
    inputs = bundled_inputs(views=2)
    pictures = [inputs.arrays(index, model)[0] for index in range(len(inputs))]
    expected = np.array([graphs.run(model, picture)[0] for picture in pictures])
    quantize(model, recipe)
    found = np.array([graphs.run(model, picture)[0] for picture in pictures])
    return nmse(found, expected)


def test_nothing_is_widened_when_a_layer_follows_a_layer() -> None:
    model = chain()
    assert error(model, HYBRID) < 2e-3
    kinds = graphs.kinds(model)
    between = kinds[kinds.index("QUANTIZE") : kinds.index("DEQUANTIZE") + 1]
    assert between == ["QUANTIZE", "FULLY_CONNECTED", "FULLY_CONNECTED", "DEQUANTIZE"]


def test_bias_fits_its_integers_when_the_weights_are_tiny() -> None:
    model = chain(weight=1e-12)
    assert error(model, trial(equalize=False)) < 2e-3


@pytest.mark.parametrize("ranges", ["min-max", "moving-average", "percentile", "mse", "entropy"])
def test_every_method_gives_a_model_that_agrees_when_asked_for(ranges: str) -> None:
    from edgeseal.tflite.calibration import Method

    assert error(chain(), trial(ranges=Method(ranges))) < 2e-2


def test_bias_stays_when_a_second_term_makes_up_for_the_rounding() -> None:
    model = chain()
    bias = model.main.operators[0].inputs[2]
    assert bias is not None
    before = constant(bias).copy()
    quantize(model, trial(correct_bias=True, equalize=False, input_terms=2))
    (first,) = (o for o in model.operators() if o.inputs[2:] and o.inputs[2].name == bias.name)
    assert np.array_equal(constant(first.inputs[2]), before)


def test_mean_error_shrinks_when_biases_are_corrected() -> None:
    def bias_error(wanted: bool) -> float:
        model = chain()
        recipe = trial(correct_bias=wanted, equalize=False)
        inputs = bundled_inputs(views=1)
        pictures = [inputs.arrays(index, model)[0] for index in range(len(inputs))]
        expected = np.array([graphs.run(model, picture)[0] for picture in pictures])
        quantize(model, recipe, calibration=Calibration.on(model, inputs))
        found = np.array([graphs.run(model, picture)[0] for picture in pictures])
        return float(np.abs((found - expected).mean(axis=(0, 1, 2, 3))).mean())

    assert bias_error(True) < 0.7 * bias_error(False)


def test_model_runs_when_a_layer_gives_nothing_but_zeros() -> None:
    model = chain()
    layer = model.main.operators[2]
    layer.options.fusedActivationFunction = 1
    layer.inputs[2] = graphs.constant("far below", np.full(8, -1e6, np.float32))
    picture = np.random.default_rng(0).random((1, 4, 4, 3), np.float32)
    expected = graphs.run(model, picture)[0]
    quantize(model, HYBRID)
    assert np.allclose(graphs.run(model, picture)[0], expected, atol=1e-3)


def test_model_runs_when_a_channel_has_no_weights() -> None:
    model = chain(weight=0, bias=100)
    assert error(model, trial(equalize=False)) < 2e-2


def test_error_stays_small_when_an_activation_lets_nothing_of_a_channel_through() -> None:
    """Equalizing such a channel would make its weights, and with them the step, large for all."""
    model = chain()
    layer = model.main.operators[1]
    layer.options.fusedActivationFunction = 1
    bias = np.array([1, 2, 3, -60, 1, 2, 3, 1], np.float32)
    layer.inputs[2] = graphs.constant("one far below", bias)
    assert error(model, HYBRID) < 2e-3
