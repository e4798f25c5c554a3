"""full-int8 and int16x8: every operator an integer one, near the float model, fit for an NPU."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conversions import converted, loaded_part
from edgeseal.errors import ModelError
from edgeseal.tflite.calibration import Calibration, bundled_inputs
from edgeseal.tflite.graph import Model, new_operator, read_model, write_model
from edgeseal.tflite.metrics import nmse
from edgeseal.tflite.quantization import Ends, find_recipe, quantize, set_ends
from edgeseal.tflite.quantization.integer._integerize import has_form, integerize
from edgeseal.tflite.quantization.integer._means import flatten_means
from edgeseal.tflite.quantization.integer._norms import rewrite_norms
from edgeseal.tflite.quantization.integer._prepare import Prepared, prepare
from edgeseal.tflite.quantization.integer._roots import rewrite_roots
from edgeseal.tflite.quantization.integer._softmax import rewrite_softmaxes
from edgeseal.tflite.targets import Target, assess
from edgeseal.watermark.cards import Card, Part, load_card
from edgeseal.watermark.convert import convert_part
from edgeseal.watermark.runtime import load_detector
from graphs import constant, model_of, reshape, run, value

RNG = np.random.default_rng(0)
PICTURES = RNG.random((3, 256, 256, 3), np.float32)


def convnext_card() -> Card:
    card = load_card("videoseal_1.0")
    spec = dataclasses.replace(card.detector, depths=(1, 1, 2, 1), dims=(8, 16, 24, 32))
    return dataclasses.replace(card, name="small", bits=16, detector=spec, detector_parameters=None)


@pytest.fixture(scope="session")
def detectors(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("integer")
    path = folder / "convnext.tflite"
    write_model(convert_part(loaded_part(Part.DETECTOR, card=convnext_card())).model, path)
    return {"vit": converted(Part.DETECTOR, folder), "convnext": path}


def quantized(path: Path, recipe: str) -> Model:
    model = read_model(path)
    calibration = Calibration.on(model, bundled_inputs(views=1))
    report = quantize(model, find_recipe(recipe), calibration=calibration)
    assert {layer.weights for layer in report.layers} == {"INT8"}
    return model


def logits(path: Path) -> np.ndarray:
    return load_detector(path).logits(PICTURES)


@pytest.mark.parametrize("name", ["vit", "convnext"])
@pytest.mark.parametrize(("recipe", "most"), [("full-int8", 0.03), ("int16x8", 3e-3)])
def test_detector_agrees_with_float_when_every_operator_is_an_integer_one(
    name: str, recipe: str, most: float, detectors: dict[str, Path], tmp_path: Path
) -> None:
    model = quantized(detectors[name], recipe)
    types = {t.dtype for o in model.main.operators for t in [*o.inputs, *o.outputs] if t}
    ends = {*model.main.inputs, *model.main.outputs}
    floats = [t for t in model.main.tensors() if t.dtype.startswith("FLOAT")]
    assert set(floats) == ends
    assert types <= {"FLOAT32", "INT8", "INT16", "INT32", "INT64"}
    write_model(model, tmp_path / "integer.tflite")
    assert nmse(logits(tmp_path / "integer.tflite"), logits(detectors[name])) < most


def test_activations_are_all_16_bits_wide_when_the_recipe_says_so(
    detectors: dict[str, Path],
) -> None:
    model = quantized(detectors["vit"], "int16x8")
    values = [t for o in model.main.operators for t in o.outputs if not t.dtype.startswith("FLOAT")]
    assert {t.dtype for t in values} == {"INT16"}
    sums = [o for o in model.main.operators if o.kind in ("ADD", "SUB")]
    assert sums
    assert not any(operator.options.potScaleInt16 for operator in sums)


@pytest.mark.parametrize("name", ["vit", "convnext", "unet"])
def test_vela_takes_every_operator_when_the_ends_are_integers(
    name: str, detectors: dict[str, Path], tmp_path: Path
) -> None:
    path = converted(Part.EMBEDDER, tmp_path) if name == "unet" else detectors[name]
    model = quantized(path, "full-int8")
    set_ends(model, Ends.INT8)
    report = assess(model, Target.ETHOS_U85)
    assert report.groups() == []
    assert report.partitions == 1


def test_means_of_channels_are_of_rows_when_a_graph_is_prepared() -> None:
    x, y, z = value("x", [1, 3, 4, 6]), value("y", [1, 3, 4, 1]), value("z", [1, 4, 6])
    axes = (constant(f"axes{axis}", np.array([axis], np.int32)) for axis in (-1, 1))
    means = [
        new_operator("MEAN", [x, axis], [result], keepDims=result is y)
        for axis, result in zip(axes, (y, z), strict=True)
    ]
    model = model_of([x], [y, z], means)
    values = RNG.normal(size=x.shape).astype(np.float32)
    expected = run(model, values)
    flatten_means(model.main)
    assert [o.kind for o in model.main.operators] == ["RESHAPE", "MEAN", "RESHAPE", "MEAN"]
    for got, wanted in zip(run(model, values), expected, strict=True):
        np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("name", ["vit", "convnext"])
def test_function_is_the_same_in_float_when_it_is_prepared(
    name: str, detectors: dict[str, Path], tmp_path: Path
) -> None:
    model = read_model(detectors[name])
    calibration = Calibration.on(model, bundled_inputs(views=1))
    prepare(model, lambda changed, tensors: dict(calibration.observe(changed, tensors)))
    kinds = {operator.kind for operator in model.main.operators}
    assert not kinds & {"SOFTMAX", "SQRT", "DIV", "MIRROR_PAD"}
    write_model(model, tmp_path / "prepared.tflite")
    assert nmse(logits(tmp_path / "prepared.tflite"), logits(detectors[name])) < 1e-7


@pytest.mark.parametrize("ends", [Ends.INT8, Ends.UINT8])
def test_integers_are_what_the_float_ends_would_make_when_ends_are_integers(
    ends: Ends, detectors: dict[str, Path]
) -> None:
    model = quantized(detectors["vit"], "full-int8")
    levels = RNG.integers(0, 256, (1, 256, 256, 3))
    (expected,) = run(model, (levels / 255).astype(np.float32))
    set_ends(model, ends)
    kind, shift = (np.int8, 128) if ends is Ends.INT8 else (np.uint8, 0)
    (stored,) = run(model, (levels - shift).astype(kind))
    assert stored.dtype == kind
    result = model.main.outputs[0].quantization
    real = (stored.astype(np.float32) - int(result.zero_point[0])) * result.scale[0]
    assert np.abs(real - expected).max() <= result.scale[0]


def test_detector_reads_the_same_bits_when_its_ends_are_integers(
    detectors: dict[str, Path], tmp_path: Path
) -> None:
    model = quantized(detectors["vit"], "full-int8")
    write_model(model, tmp_path / "float.tflite")
    set_ends(model, Ends.UINT8)
    write_model(model, tmp_path / "uint8.tflite")
    expected, result = (logits(tmp_path / f"{ends}.tflite") for ends in ("float", "uint8"))
    assert result.dtype == np.float32
    assert nmse(result, expected) < 1e-2


def test_black_pictures_do_not_stop_it_when_rows_have_no_variance(
    detectors: dict[str, Path], tmp_path: Path
) -> None:
    """Roots of zero are what the kernel refuses; every row of a black picture is one."""
    for name, path in detectors.items():
        write_model(quantized(path, "full-int8"), tmp_path / f"{name}.tflite")
        black = np.zeros((1, 256, 256, 3), np.float32)
        assert np.isfinite(load_detector(tmp_path / f"{name}.tflite").logits(black)).all()


def test_operators_are_named_when_they_have_no_integer_form(tmp_path: Path) -> None:
    x, y = value("image", [1, 8, 8, 3]), value("y", [1, 8, 8, 3])
    h = value("h", [1, 8, 8, 3])
    weights = constant("w", RNG.normal(size=(3, 1, 1, 3)).astype(np.float32))
    bias = constant("b", np.zeros(3, np.float32))
    layer = new_operator(
        "CONV_2D",
        [x, weights, bias],
        [h],
        padding=0,
        strideH=1,
        strideW=1,
        dilationHFactor=1,
        dilationWFactor=1,
        fusedActivationFunction=0,
    )
    model = model_of([x], [y], [layer, new_operator("COS", [h], [y])])
    found = quantize(model, find_recipe("full-int8"))
    assert "1 x COS stay float32: they have no integer form here" in found.notes
    assert [o.kind for o in model.main.operators if o.inputs[0].dtype == "FLOAT32"] == [
        "QUANTIZE",
        "COS",
    ]


CONV = {"padding": 0, "strideH": 1, "strideW": 1, "dilationHFactor": 1, "dilationWFactor": 1}
RELU = 1  # ActivationFunctionType


@pytest.mark.parametrize(("recipe", "most"), [("full-int8", 1e-3), ("int16x8", 1e-4)])
def test_first_layer_agrees_when_an_activation_is_fused_into_it(recipe: str, most: float) -> None:
    """Two terms with an activation each would not be the activation of their sum."""
    x, h, s = value("image", [1, 8, 8, 3]), value("h", [1, 8, 8, 4]), value("sums", [1, 8, 8, 4])
    weights = constant("w", RNG.normal(size=(4, 3, 3, 3)).astype(np.float32))
    bias = constant("b", np.array([0.3, 0, -0.2, -9], np.float32))  # the last never passes
    first = new_operator("CONV_2D", [x, weights, bias], [h], **CONV, fusedActivationFunction=RELU)
    mixed = constant("m", RNG.normal(size=(4, 1, 1, 4)).astype(np.float32))
    none = constant("n", np.zeros(4, np.float32))
    last = new_operator("CONV_2D", [h, mixed, none], [s], **CONV, fusedActivationFunction=0)
    y = value("y", [1, 8, 8, 4])
    model = model_of([x], [y], [first, last, new_operator("RELU", [s], [y])])
    (picture,) = bundled_inputs(views=1).arrays(0, model)
    (expected,) = run(model, picture)
    quantize(model, find_recipe(recipe), calibration=Calibration.on(model, bundled_inputs(views=1)))
    (got,) = run(model, picture)
    assert nmse(got, expected) < most


def test_operators_stay_float_when_their_weights_are_computed() -> None:
    x, w, y = value("image", [1, 4, 4, 3]), value("w", [1, 48]), value("y", [1, 1])
    flat = value("flat", [1, 48])
    weights = constant("c", RNG.normal(size=(48, 48)).astype(np.float32))
    plain = {"fusedActivationFunction": 0, "keepNumDims": False}
    operators = [
        reshape(x, flat),
        new_operator("FULLY_CONNECTED", [flat, weights, None], [w], **plain),
        # with an activation and no bias that could take it over, it is no product of two matrices
        new_operator(
            "FULLY_CONNECTED", [flat, w, None], [y], **plain | {"fusedActivationFunction": RELU}
        ),
    ]
    found = quantize(model_of([x], [y], operators), find_recipe("full-int8"))
    assert "1 x FULLY_CONNECTED stay float32: they have no integer form here" in found.notes


def test_ends_stay_when_a_model_uses_them_as_floats() -> None:
    x, y = value("x", [4]), value("y", [4])
    model = model_of([x], [y], [new_operator("ABS", [x], [y])])
    with pytest.raises(ModelError, match="full-int8"):
        set_ends(model, Ends.INT8)


def norm(x: Any, shape: list[int]) -> tuple[list[Any], Any]:
    """A layer norm over the last axis, as converters write it."""
    axes = constant("axes", [len(shape) - 1])
    column = [*shape[:-1], 1]
    mean, centred, square = value("mean", column), value("c", shape), value("c2", shape)
    variance, safe, root = value("var", column), value("safe", column), value("root", column)
    result = value("normed", shape)
    plain = {"fusedActivationFunction": 0}
    return [
        new_operator("MEAN", [x, axes], [mean], keepDims=True),
        new_operator("SUB", [x, mean], [centred], **plain),
        new_operator("MUL", [centred, centred], [square], **plain),
        new_operator("MEAN", [square, axes], [variance], keepDims=True),
        new_operator("ADD", [variance, constant("eps", np.float32(1e-6))], [safe], **plain),
        new_operator("RSQRT", [safe], [root]),
        new_operator("MUL", [centred, root], [result], **plain),
    ], result


@pytest.mark.parametrize("shape", [[6, 8], [1, 2, 3, 8], [8, 6], [8, 2, 3, 6]])
@pytest.mark.parametrize("is_folded", [True, False])
@pytest.mark.parametrize("all_wide", [True, False])
def test_norm_is_the_same_when_rewritten(shape: list[int], is_folded: bool, all_wide: bool) -> None:
    x = value("x", shape)
    operators, result = norm(x, shape)
    y = value("y", [*shape[:-1], 5] if is_folded else shape)
    if is_folded:
        weights = constant("w", RNG.normal(size=(5, shape[-1])).astype(np.float32))
        operators.append(
            new_operator(
                "FULLY_CONNECTED",
                [result, weights, None],
                [y],
                fusedActivationFunction=0,
                keepNumDims=True,
            )
        )
    else:
        operators.append(new_operator("ABS", [result], [y]))
    model = model_of([x], [y], operators)
    values = RNG.normal(2, 1, shape).astype(np.float32)
    (expected,) = run(model, values)
    assert rewrite_norms(model.main, all_wide=all_wide).count == 1
    model.main.remove_unread()
    (got,) = run(model, values)
    kinds = {operator.kind for operator in model.main.operators}
    assert "MEAN" not in kinds
    assert ("BATCH_MATMUL" in kinds) == (shape[0] == 8 and not all_wide)
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4)


def test_layer_is_centred_when_its_norm_alone_reads_it() -> None:
    x, y = value("x", [8, 5]), value("y", [8, 6])
    weights = constant("w", RNG.normal(size=(6, 5)).astype(np.float32))
    bias = constant("b", RNG.normal(1, 1, 6).astype(np.float32))
    source = value("source", [8, 6])
    layer = new_operator("FULLY_CONNECTED", [x, weights, bias], [source], fusedActivationFunction=0)
    operators, result = norm(source, [8, 6])
    model = model_of([x], [y], [layer, *operators, new_operator("ABS", [result], [y])])
    values = RNG.normal(size=(8, 5)).astype(np.float32)
    (expected,) = run(model, values)
    rewrite_norms(model.main)
    model.main.remove_unread()
    assert "SUB" not in {operator.kind for operator in model.main.operators}
    np.testing.assert_allclose(run(model, values)[0], expected, atol=1e-4)


def stream() -> tuple[Model, Any]:
    """Twenty layers that each add a little to a channel beside one of large values."""
    total = x = value("x", [8, 2])
    operators: list[Any] = []
    for index in range(20):
        change, after = value(f"change{index}", [8, 2]), value(f"stream{index}", [8, 2])
        weights = constant(f"w{index}", np.diag([0, 0.05]).astype(np.float32))
        operators += [
            new_operator(
                "FULLY_CONNECTED", [x, weights, None], [change], fusedActivationFunction=0
            ),
            new_operator("ADD", [total, change], [after], fusedActivationFunction=0),
        ]
        total = after
    return model_of([x], [total], operators), total


@pytest.mark.parametrize("is_pair", [True, False])
def test_small_changes_add_up_when_norms_read_the_sum(is_pair: bool) -> None:
    model, total = stream()
    values = np.stack([np.linspace(-100, 100, 8), np.linspace(2, -2, 8)], 1).astype(np.float32)
    tensors = [operator.outputs[0] for operator in model.main.operators]
    seen = run(model_of(model.main.inputs, tensors, model.main.operators), values)
    spans = {
        tensor: (float(found.min()), float(found.max()))
        for tensor, found in zip([*model.main.inputs, *tensors], [values, *seen], strict=True)
    }
    integerize(model, spans.__getitem__, Prepared(sources=[total] if is_pair else []))
    error = np.abs(run(model, values)[0] - seen[-1])[:, 1].max()
    step = 200 / 255
    assert (error < step) == is_pair
    assert {o.outputs[0].dtype for o in model.main.operators[:-1]} == {"INT8"}


def test_what_a_stream_leaves_is_exact_when_scales_are_rounded() -> None:
    model, total = stream()
    scales = np.random.default_rng(3).uniform(1, 3, 64).cumsum()
    spans = dict.fromkeys(model.main.tensors(), (-2.0, 2.0))
    spans[model.main.inputs[0]] = (-100.0, 90.0)
    streams = [o.outputs[0] for o in model.main.operators if o.kind == "ADD"]
    spans |= {t: (-100.0 - s, 100.0) for t, s in zip(streams, scales, strict=False)}
    integerize(model, spans.__getitem__, Prepared(sources=[total]))
    differences = [o for o in model.main.operators if o.kind == "SUB"]
    assert len(differences) == len(streams) - 1  # nothing reads what the last one leaves
    for difference in differences:
        before, after, left = (
            float(t.quantization.scale[0])
            for t in [*difference.inputs, *difference.outputs]
            if t is not None and t.quantization is not None
        )
        ratios = np.array([before, after]) / left
        np.testing.assert_allclose(ratios, ratios.round(), rtol=1e-6)
        assert after < 1.1 * max(200 / 255, before)


def test_norm_stays_when_an_activation_is_fused_into_it() -> None:
    x = value("x", [6, 8])
    operators, result = norm(x, [6, 8])
    operators[-1].options.fusedActivationFunction = RELU
    assert rewrite_norms(model_of([x], [result], operators).main).count == 0


def test_attention_is_the_same_when_its_weights_stay_unnormalised() -> None:
    s, p, v = value("s", [2, 4, 6]), value("p", [2, 4, 6]), value("v", [2, 6, 3])
    y = value("y", [2, 4, 3])
    operators = [
        new_operator("SOFTMAX", [s], [p], beta=1.0),
        new_operator("BATCH_MATMUL", [p, v], [y]),
    ]
    model = model_of([s, v], [y], operators)
    arrays = [RNG.normal(0, 3, t.shape).astype(np.float32) for t in (s, v)]
    (expected,) = run(model, *arrays)
    narrow, ranges = rewrite_softmaxes(model.main)
    assert narrow
    assert ranges[p] == (0, 1)
    (got,) = run(model, *arrays)
    np.testing.assert_allclose(got, expected, atol=1e-5)


def test_weights_of_attention_fill_int8_when_every_operator_is_an_integer_one(
    detectors: dict[str, Path],
) -> None:
    model = quantized(detectors["vit"], "full-int8")
    makers = model.main.producers()
    assert not any(o.kind in ("EXP", "SOFTMAX") for o in model.main.operators)
    lowered = [o for o in model.main.operators if o.kind == "ELU"]
    assert len(lowered) == 3  # one per block
    for total in (o for o in model.main.operators if makers.get(o.inputs[0]) in lowered):
        exact = total.outputs[0].quantization
        assert exact is not None
        assert (exact.scale[0], exact.zero_point[0]) == (np.float32(1 / 255), -128)


def test_elu_has_no_wide_form_when_all_is_wide() -> None:
    x, y = value("x", [1, 4]), value("y", [1, 4])
    model = model_of([x], [y], [new_operator("ELU", [x], [y])])
    assert not has_form(model.main.operators[0], all_wide=True)
    integerize(model, lambda _: (-1.0, 1.0), Prepared())
    (got,) = run(model, np.array([[-1.0, -0.5, 0.0, 0.9]], np.float32))
    np.testing.assert_allclose(got, [[np.expm1(-1.0), np.expm1(-0.5), 0, 0.9]], atol=0.02)


@pytest.mark.parametrize("activation", [0, 3])  # none, RELU6
def test_response_norm_is_the_same_when_rewritten(activation: int) -> None:
    x, square, total = value("x", [64, 4]), value("x2", [64, 4]), value("sum", [4])
    root, mean, share = value("root", [4]), value("mean", [1]), value("share", [4])
    plain = {"fusedActivationFunction": 0}
    operators = [
        new_operator("MUL", [x, x], [square], **plain),
        new_operator("SUM", [square, constant("rows", [0])], [total], keepDims=False),
        new_operator("SQRT", [total], [root]),
        new_operator("MEAN", [root, constant("all", [0])], [mean], keepDims=True),
        new_operator("DIV", [root, mean], [share], fusedActivationFunction=activation),
    ]
    model = model_of([x], [share], operators)
    values = RNG.normal(size=x.shape).astype(np.float32) * np.array([1, 1, 1, 99], np.float32)
    (expected,) = run(model, values)
    narrow = rewrite_roots(model.main)
    kinds = [operator.kind for operator in model.main.operators]
    assert {"SQRT", "DIV"}.isdisjoint(kinds)
    assert {operator.kind for operator in narrow} == {"MUL", "SUM"}
    (got,) = run(model, values)
    np.testing.assert_allclose(got, expected, rtol=1e-4)


def test_quotient_stays_when_the_divisor_may_be_negative() -> None:
    """As x / sqrt(x^2) is, which is 1 or -1."""
    x, square, root, product, y = (value(name, [4, 8]) for name in "xsrpy")
    operators = [
        new_operator("MUL", [x, x], [square], fusedActivationFunction=0),
        new_operator("RSQRT", [square], [root]),
        new_operator("MUL", [x, root], [product], fusedActivationFunction=0),
        new_operator("DIV", [x, product], [y], fusedActivationFunction=0),
    ]
    model = model_of([x], [y], operators)
    rewrite_roots(model.main)
    assert [operator.kind for operator in model.main.operators] == ["MUL", "RSQRT", "MUL", "DIV"]
