"""dynamic-int8: small, running, and precise where detectors need it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from conversions import converted
from edgeseal.errors import ModelError
from edgeseal.tflite.graph import (
    Buffer,
    Model,
    Signature,
    Subgraph,
    Tensor,
    new_operator,
    read_model,
    write_model,
)
from edgeseal.tflite.metrics import nmse
from edgeseal.tflite.probe import refusal
from edgeseal.tflite.quantization import find_recipe, make_plan, quantize
from edgeseal.tflite.quantization._work import Work
from edgeseal.tflite.quantization.rewrite._input_terms import add_input_terms
from edgeseal.watermark.cards import Part
from edgeseal.watermark.convert import stock_dynamic_int8
from edgeseal.watermark.runtime import load_detector, open_session, read_info

DYNAMIC = find_recipe("dynamic-int8")


@pytest.fixture(scope="session")
def detector(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return converted(Part.DETECTOR, tmp_path_factory.mktemp("detector"))


@pytest.fixture(scope="session")
def embedder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return converted(Part.EMBEDDER, tmp_path_factory.mktemp("embedder"))


def quantized(path: Path, folder: Path) -> Path:
    model = read_model(path)
    quantize(model, DYNAMIC)
    write_model(model, folder / "int8.tflite")
    return folder / "int8.tflite"


def test_detector_runs_and_agrees_with_float_when_quantized(detector: Path, tmp_path: Path) -> None:
    small = quantized(detector, tmp_path)
    pictures = np.random.default_rng(0).random((4, 256, 256, 3), np.float32)
    expected, result = (load_detector(path).logits(pictures) for path in (detector, small))
    assert nmse(result, expected) < 1e-3
    assert small.stat().st_size < 0.6 * detector.stat().st_size  # narrow: biases and graph weigh
    assert read_info(read_model(small)).recipe == "dynamic-int8"


def test_embedder_runs_and_agrees_with_float_when_quantized(embedder: Path, tmp_path: Path) -> None:
    small = quantized(embedder, tmp_path)
    rng = np.random.default_rng(0)
    inputs = {
        "image": rng.random((1, 256, 256, 3), np.float32),
        "message": rng.integers(0, 2, (1, 16)).astype(np.float32),
    }
    expected, result = (
        open_session(path, "embedder", threads=1).run(inputs)["delta"] for path in (embedder, small)
    )
    assert nmse(result, expected) < 0.02


def test_stock_recipe_cannot_run_when_constants_are_on_the_left(tmp_path: Path) -> None:
    from conversions import loaded_part
    from edgeseal.watermark.convert import stock_conversion

    write_model(stock_conversion(loaded_part(Part.DETECTOR)), tmp_path / "stock.tflite")
    stock_dynamic_int8(tmp_path / "stock.tflite", tmp_path / "naive.tflite")
    assert "BATCH_MATMUL" in (refusal(tmp_path / "naive.tflite") or "")


def test_no_weight_stays_float_when_detector_is_quantized(detector: Path, tmp_path: Path) -> None:
    model = read_model(quantized(detector, tmp_path))
    weights = [
        operator.inputs[1]
        for operator in model.operators()
        if operator.kind in ("FULLY_CONNECTED", "CONV_2D")
    ]
    assert {tensor.dtype for tensor in weights if tensor is not None} == {"INT8"}


def layer_model(kind: str, weights: np.ndarray, **options: object) -> Model:
    shape = (1, 8, 8, weights.shape[-1]) if kind == "CONV_2D" else (1, weights.shape[-1])
    x = Tensor("x", shape, "FLOAT32")
    hidden = Tensor("hidden", shape, "FLOAT32")
    y = Tensor("y", (*shape[:-1], weights.shape[0]), "FLOAT32")
    w = Tensor("w", weights.shape, "FLOAT32", Buffer.of(weights))
    b = Tensor(
        "b", (weights.shape[0],), "FLOAT32", Buffer.of(np.ones(weights.shape[0], np.float32))
    )
    first = new_operator("ABS", [x], [hidden])
    main = Subgraph("main", [x], [y], [first, new_operator(kind, [hidden, w, b], [y], **options)])
    return Model([main], [Signature("serving_default", main, {"x": x}, {"y": y})])


def outputs(model: Model, path: Path) -> np.ndarray:
    from ai_edge_litert.interpreter import Interpreter

    shape = model.main.inputs[0].shape
    write_model(model, path, overwrite=True)
    interpreter = Interpreter(str(path))
    interpreter.allocate_tensors()
    x = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    return interpreter.get_signature_runner()(x=x)["y"]


@pytest.mark.parametrize(
    ("kind", "shape", "options"),
    [
        ("FULLY_CONNECTED", (24, 24), {"fusedActivationFunction": 1}),
        ("CONV_2D", (24, 3, 3, 24), {"strideH": 1, "strideW": 1, "padding": 1}),
        ("CONV_2D", (24, 3, 3, 24), {"strideH": 2, "strideW": 2, "padding": 0}),
    ],
)
def test_small_weights_survive_when_a_diagonal_dominates(
    tmp_path: Path, kind: str, shape: tuple[int, ...], options: dict[str, object]
) -> None:
    if kind == "CONV_2D":
        options = {**options, "dilationHFactor": 1, "dilationWFactor": 1}
    rest = np.random.default_rng(0).normal(0, 1e-3, shape).astype(np.float32)
    channels = np.arange(24)
    weights = rest.copy()
    centre = (1, 1) if kind == "CONV_2D" else ()
    weights[(channels, *centre, channels)] += 1
    expected = outputs(layer_model(kind, weights, **options), tmp_path / "float.tflite")
    model = layer_model(kind, weights, **options)
    quantize(model, DYNAMIC)
    error = np.abs(outputs(model, tmp_path / "int8.tflite") - expected).max()
    nearest = np.rint(weights * 127) / 127  # what one scale per channel leaves of it
    naive = outputs(layer_model(kind, nearest, **options), tmp_path / "naive.tflite")
    assert error < np.abs(naive - expected).max() / 20


def test_picture_layer_is_precise_when_it_cancels_a_large_picture(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(8, 3, 3, 16)).astype(np.float32)
    options = {"strideH": 1, "strideW": 1, "dilationHFactor": 1, "dilationWFactor": 1}
    expected = outputs(layer_model("CONV_2D", weights, **options), tmp_path / "float.tflite")
    model = layer_model("CONV_2D", weights, **options)
    quantize(model, DYNAMIC)
    assert [op.kind for op in model.operators()].count("CONV_2D") == 2
    result = outputs(model, tmp_path / "int8.tflite")
    assert nmse(result, expected) < 2e-5  # the rounding of activations alone


def test_function_is_the_float_models_when_a_picture_layer_has_its_rest_beside_it(
    tmp_path: Path,
) -> None:
    """What is observed before the weights are rounded has to be the float model's."""
    weights = np.random.default_rng(0).normal(size=(8, 3, 3, 16)).astype(np.float32)
    options = {"strideH": 1, "strideW": 1, "dilationHFactor": 1, "dilationWFactor": 1}
    model = layer_model("CONV_2D", weights, **options)
    expected = outputs(model, tmp_path / "float.tflite")
    add_input_terms(Work(model, DYNAMIC, make_plan(model, DYNAMIC), None))
    assert [op.kind for op in model.operators()].count("CONV_2D") == 2
    assert nmse(outputs(model, tmp_path / "terms.tflite"), expected) < 1e-10


def test_model_error_says_so_when_quantized_twice(detector: Path, tmp_path: Path) -> None:
    model = read_model(quantized(detector, tmp_path))
    with pytest.raises(ModelError, match="quantized already"):
        quantize(model, DYNAMIC)


def test_model_error_says_so_when_nothing_can_be_quantized() -> None:
    x, y = Tensor("x", (1, 2), "FLOAT32"), Tensor("y", (1, 2), "FLOAT32")
    model = Model([Subgraph("main", [x], [y], [new_operator("ABS", [x], [y])])])
    with pytest.raises(ModelError, match="nothing to quantize"):
        quantize(model, DYNAMIC)


def test_other_readers_keep_float_weights_when_a_constant_is_shared(tmp_path: Path) -> None:
    model = layer_model("FULLY_CONNECTED", np.random.default_rng(0).random((4, 4), np.float32))
    layer = model.main.operators[1]
    shared, y = layer.inputs[1], layer.outputs[0]
    total = Tensor("total", (4, 4), "FLOAT32")
    model.main.operators.append(
        new_operator("ADD", [y, shared], [total], fusedActivationFunction=0)
    )
    model.main.outputs = [total]
    model.signatures[0].outputs = {"y": total}
    expected = outputs(model, tmp_path / "float.tflite")
    quantize(model, DYNAMIC)
    assert layer.inputs[1] is not shared
    assert nmse(outputs(model, tmp_path / "int8.tflite"), expected) < 1e-4


def test_grouped_convolution_is_not_split_when_its_diagonal_dominates(tmp_path: Path) -> None:
    weights = np.full((8, 3, 3, 8), 1e-3, np.float32)
    weights[np.arange(8), 1, 1, np.arange(8)] = 1
    options = {"strideH": 1, "strideW": 1, "dilationHFactor": 1, "dilationWFactor": 1}
    model = layer_model("CONV_2D", weights, **options)
    for tensor in model.main.inputs + model.main.operators[0].outputs:
        tensor.shape = (1, 8, 8, 16)  # two groups of 8
    expected = outputs(model, tmp_path / "float.tflite")
    quantize(model, DYNAMIC)
    assert "DEPTHWISE_CONV_2D" not in [op.kind for op in model.operators()]
    assert nmse(outputs(model, tmp_path / "int8.tflite"), expected) < 1e-3


def test_constant_stays_float_when_half_precision_cannot_hold_it(tmp_path: Path) -> None:
    model = layer_model("FULLY_CONNECTED", np.eye(2048, dtype=np.float32)[:4])
    y = model.main.outputs[0]
    mask = Tensor("mask", (1, 2048), "FLOAT32", Buffer.of(np.full(2048, -1e9, np.float32)))
    masked = Tensor("masked", (1, 2048), "FLOAT32")
    hidden = model.main.operators[0].outputs[0]
    add = new_operator("ADD", [hidden, mask], [masked], fusedActivationFunction=0)
    model.main.operators.append(add)
    model.main.outputs = [y, masked]
    quantize(model, DYNAMIC)
    assert add.inputs[1] is mask


def test_model_error_names_constant_when_its_data_is_cut_short() -> None:
    model = layer_model("FULLY_CONNECTED", np.ones((4, 4), np.float32))
    model.main.operators[1].inputs[1].buffer = Buffer.of(np.ones(7, np.float32))
    with pytest.raises(ModelError, match="'w' has 28 bytes"):
        quantize(model, DYNAMIC)


def test_options_may_be_missing_when_they_are_defaults(tmp_path: Path) -> None:
    model = layer_model("FULLY_CONNECTED", np.eye(16, dtype=np.float32) + 1e-3)
    expected = outputs(model, tmp_path / "float.tflite")
    model.main.operators[1].options = None
    quantize(model, DYNAMIC)
    assert nmse(outputs(model, tmp_path / "int8.tflite"), expected) < 1e-4


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_model_error_names_constant_when_it_is_not_finite(bad: float) -> None:
    with pytest.raises(ModelError, match="'w' has values that are not finite"):
        quantize(layer_model("FULLY_CONNECTED", np.full((4, 4), bad, np.float32)), DYNAMIC)


def test_model_runs_when_a_channel_is_almost_zero(tmp_path: Path) -> None:
    weights = np.ones((4, 4), np.float32)
    weights[0] = 1e-44
    model = layer_model("FULLY_CONNECTED", weights)
    quantize(model, DYNAMIC)
    assert np.isfinite(outputs(model, tmp_path / "int8.tflite")).all()


def test_constant_stays_float_when_half_precision_would_flush_it() -> None:
    model = layer_model("FULLY_CONNECTED", np.eye(2048, dtype=np.float32)[:4])
    tiny = Tensor("tiny", (1, 2048), "FLOAT32", Buffer.of(np.full(2048, 1e-9, np.float32)))
    scaled = Tensor("scaled", (1, 2048), "FLOAT32")
    multiply = new_operator(
        "MUL", [model.main.inputs[0], tiny], [scaled], fusedActivationFunction=0
    )
    model.main.operators.insert(0, multiply)
    quantize(model, DYNAMIC)
    assert multiply.inputs[1] is tiny


def test_only_the_first_layer_gets_two_terms_when_a_skip_joins_later() -> None:
    weights = np.random.default_rng(0).normal(size=(8, 3, 3, 8)).astype(np.float32)
    options = {"strideH": 1, "strideW": 1, "dilationHFactor": 1, "dilationWFactor": 1}
    model = layer_model("CONV_2D", weights, **options)
    y = model.main.outputs[0]
    joined, out = (Tensor(name, y.shape, "FLOAT32") for name in ("joined", "out"))
    hidden = model.main.operators[0].outputs[0]
    second = Tensor("w2", weights.shape, "FLOAT32", Buffer.of(weights + 1))
    model.main.operators += [
        new_operator("ADD", [hidden, y], [joined], fusedActivationFunction=0),
        new_operator(
            "CONV_2D", [joined, second, None], [out], fusedActivationFunction=0, **options
        ),
    ]
    quantize(model, DYNAMIC)
    assert [op.kind for op in model.operators()].count("CONV_2D") == 3
