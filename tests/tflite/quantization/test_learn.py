"""Rounding with data: closer results than rounding to the nearest step, and the same function."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgeseal.data import photo_paths
from edgeseal.tflite.calibration import Calibration, inputs_from
from edgeseal.tflite.graph import Model, new_operator
from edgeseal.tflite.quantization import (
    Activations,
    Methods,
    Precision,
    Recipe,
    Rounding,
    Rule,
    WeightType,
    bundled_calibration,
    find_recipe,
    quantize,
)
from edgeseal.tflite.quantization.weights._gptq import (
    fitted_scale,
    inverse_root,
    output_error,
    round_with_root,
)
from edgeseal.tflite.quantization.weights._integer_weights import (
    round_balanced,
    round_to_nearest,
    symmetric_scale,
)
from edgeseal.tflite.quantization.weights._widen import diffused
from edgeseal.tflite.rewrites._patches import MULTIPLY_PATCHES
from graphs import constant, model_of, run, value

RNG = np.random.default_rng(0)
CONVOLUTION = {"padding": 0, "strideH": 1, "strideW": 1, "dilationHFactor": 1, "dilationWFactor": 1}


def spread_of(rows: np.ndarray) -> np.ndarray:
    return np.cov(rows.T, bias=True).astype(np.float32)


def test_root_inverts_the_damped_covariance_when_larger_than_one_block() -> None:
    spread = spread_of(RNG.normal(size=(2000, 300)) @ RNG.normal(size=(300, 300)))
    root, order = inverse_root(spread, 0.01)
    damped = spread + 0.01 * np.trace(spread) / 300 * np.eye(300)
    expected = np.linalg.inv(damped[order][:, order].astype(float))
    found = root[0].astype(float).T @ root[0]
    assert np.abs(found - expected).max() < 1e-3 * np.abs(expected).max()
    assert np.all(np.tril(root[0], -1) == 0)


@pytest.mark.parametrize("shape, axis", [((24, 3, 3, 40), 0), ((1, 3, 3, 24), 3)])
@pytest.mark.parametrize("bits", [8, 4])
def test_errors_of_a_channel_cancel_when_balanced(
    shape: tuple[int, ...], axis: int, bits: int
) -> None:
    weights = RNG.normal(size=shape).astype(np.float32)
    others = tuple(dim for dim in range(4) if dim != axis)
    nearest = round_to_nearest(weights, axis, bits=bits)
    balanced = round_balanced(weights, axis, bits=bits)
    shift, error, old = (
        np.abs(np.moveaxis(made.dequantized() - weights, axis, -1) / made.scale)
        if is_each
        else np.abs((made.dequantized() - weights).sum(axis=others) / made.scale)
        for made, is_each in ((balanced, False), (balanced, True), (nearest, True))
    )
    assert shift.max() < 0.501
    assert error.max() < 1
    assert np.square(error).sum() < 1.3 * np.square(old).sum()


@pytest.mark.parametrize("bits", [8, 4])
def test_results_are_closer_than_with_nearest_when_inputs_are_correlated(bits: int) -> None:
    few = RNG.normal(size=(4000, 160)) * np.logspace(0, -3, 160)  # directions that matter
    rows = few @ RNG.normal(size=(160, 160))
    spread = spread_of(rows + 5)
    weights = RNG.normal(size=(24, 160)).astype(np.float32)
    scale = symmetric_scale(weights, 0, bits=bits)
    root, order = inverse_root(spread, 0.01)
    learned = round_with_root(weights, root, order, scale, bits=bits)
    nearest = np.rint(weights / scale[:, None])
    errors = [
        output_error((steps * scale[:, None] - weights).astype(np.float32), spread).sum()
        for steps in (learned, nearest)
    ]
    assert errors[0] < 0.2 * errors[1]
    assert np.abs(learned).max() <= (127 if bits == 8 else 7)


def test_rounding_is_nearest_when_inputs_are_independent() -> None:
    weights = RNG.normal(size=(8, 50)).astype(np.float32)
    scale = symmetric_scale(weights, 0)
    root, order = inverse_root(np.eye(50, dtype=np.float32), 0.01)
    learned = round_with_root(weights, root, order, scale, bits=8)
    assert np.array_equal(learned, np.rint(weights / scale[:, None]))


def test_channels_are_rounded_alone_when_each_has_inputs_of_its_own() -> None:
    spreads = np.stack([spread_of(RNG.normal(size=(500, 9)) @ RNG.normal(size=(9, 9)))] * 3)
    spreads[1] *= 2
    weights = RNG.normal(size=(3, 9)).astype(np.float32)
    scale = symmetric_scale(weights, 0, bits=4)
    root, order = inverse_root(spreads, 0.01)
    together = round_with_root(weights, root, order, scale, bits=4)
    for channel in range(3):
        alone, own = inverse_root(spreads[channel], 0.01)
        one = slice(channel, channel + 1)
        expected = round_with_root(weights[one], alone, own, scale[one], bits=4)
        assert np.array_equal(together[one], expected)


def test_fitted_scale_clips_when_one_weight_stands_out() -> None:
    weights = RNG.normal(size=(1, 500)).astype(np.float32)
    weights[0, 0] = 6
    full = symmetric_scale(weights, 0, bits=4)
    fitted = fitted_scale(weights, np.ones(500, np.float32), bits=4)
    assert fitted[0] < full[0]
    even = np.linspace(-1, 1, 500, dtype=np.float32)[None]
    assert fitted_scale(even, np.ones(500, np.float32), bits=8) == symmetric_scale(even, 0)


def network(*, bias: bool = True) -> Model:
    """A picture, two convolutions, a depthwise one, and a linear head with a bias or without."""
    rng = np.random.default_rng(1)

    def weights(name: str, *shape: int) -> object:
        return constant(name, (0.2 * rng.normal(size=shape)).astype(np.float32))

    def biases(name: str, count: int) -> object:
        return constant(name, rng.normal(size=count).astype(np.float32))

    x, a, b, c = (value(n, (1, 32, 32, d)) for n, d in (("x", 3), ("a", 16), ("b", 16), ("c", 16)))
    pooled, y = value("pooled", (1, 1, 1, 16)), value("y", (1, 8))
    relu = {"fusedActivationFunction": 1}
    head = [pooled, weights("wy", 8, 16), *([biases("by", 8)] if bias else [])]
    layers = [
        new_operator(
            "CONV_2D", [x, weights("wa", 16, 3, 3, 3), biases("ba", 16)], [a], **CONVOLUTION, **relu
        ),
        new_operator(
            "DEPTHWISE_CONV_2D", [a, weights("wb", 1, 5, 5, 16), biases("bb", 16)], [b],
            depthMultiplier=1, **CONVOLUTION, **relu,
        ),
        new_operator(
            "CONV_2D", [b, weights("wc", 16, 3, 3, 16), biases("bc", 16)], [c],
            **CONVOLUTION, **relu,
        ),
        new_operator(
            "AVERAGE_POOL_2D", [c], [pooled], filterHeight=32, filterWidth=32, strideH=32,
            strideW=32, padding=1,
        ),
        new_operator(
            "FULLY_CONNECTED", head, [y],
            fusedActivationFunction=0,
        ),
    ]  # fmt: skip
    return model_of([x], [y], layers)


def pictures() -> list[np.ndarray]:
    from edgeseal.pictures import read_image, resize

    return [resize(read_image(path), 32, 32)[None] for path in photo_paths()]


def error(recipe: Recipe, *, bias: bool = True, calibrated: bool = True) -> float:
    model, twin = network(bias=bias), network(bias=bias)
    calibration = Calibration.on(model, inputs_from(photo_paths())) if calibrated else None
    quantize(model, recipe, calibration=calibration)
    results = [(run(model, picture)[0], run(twin, picture)[0]) for picture in pictures()]
    expected = np.concatenate([e for _, e in results])
    wrong = np.concatenate([r for r, _ in results]) - expected
    return float(np.square(wrong).mean() / expected.var(axis=0).mean())


def weight_only(bits: WeightType, **methods: object) -> Recipe:
    rule = Rule(Precision(bits, Activations.FLOAT))
    return Recipe("mine", "for a test", (rule,), Methods(**methods))  # type: ignore[arg-type]


@pytest.mark.parametrize("bits", [WeightType.INT8, WeightType.INT4])
@pytest.mark.parametrize("bias", [True, False])
def test_network_is_closer_when_its_weights_are_rounded_with_data(
    bits: WeightType, bias: bool
) -> None:
    nearest = error(weight_only(bits), bias=bias)
    assert error(weight_only(bits, rounding=Rounding.GPTQ), bias=bias) < 0.3 * nearest


def test_note_says_so_when_there_is_no_data_to_round_with() -> None:
    model = network()
    recipe = weight_only(WeightType.INT8, rounding=Rounding.GPTQ)
    found = quantize(model, recipe)
    assert any("rounded to the nearest step" in note for note in found.notes)
    twin = network()
    quantize(twin, weight_only(WeightType.INT8))
    assert np.array_equal(run(model, pictures()[0])[0], run(twin, pictures()[0])[0])


def test_costly_layers_become_int8_when_a_share_is_spared() -> None:
    recipe = weight_only(WeightType.INT4, rounding=Rounding.GPTQ)
    half = replace(recipe, methods=replace(recipe.methods, int4_spared=0.5))
    shares = {}
    for one in (recipe, half):
        found = quantize(network(), one)
        shares[one] = {part.name: part.share for part in found.weights}
    assert shares[recipe] == {"INT4": 1.0}
    assert 0 < shares[half]["INT8"] <= 0.5
    assert error(half) < error(recipe)


def test_bundled_photographs_serve_when_the_model_takes_a_picture() -> None:
    recipe = find_recipe("dynamic-int8")
    calibration = bundled_calibration(network(), recipe)
    assert calibration is not None
    assert calibration.inputs is not None
    assert calibration.inputs.is_bundled
    assert bundled_calibration(network(), find_recipe("float16")) is None
    x, y = value("x", (1, 8)), value("y", (1, 4))
    weights = constant("w", np.ones((4, 8), np.float32))
    layer = new_operator("FULLY_CONNECTED", [x, weights, None], [y], fusedActivationFunction=0)
    assert bundled_calibration(model_of([x], [y], [layer]), recipe) is None


def test_layers_stay_integer_when_a_message_goes_in_too(tmp_path: Path) -> None:
    from conversions import converted
    from edgeseal.tflite.graph import read_model
    from edgeseal.watermark.cards import Part

    path = converted(Part.EMBEDDER, tmp_path)
    rng = np.random.default_rng(0)
    inputs = [rng.random((1, 256, 256, 3), np.float32), np.ones((1, 16), np.float32)]
    expected = run(read_model(path), *inputs)[0]
    for name in ("float16", "weight-int8", "dynamic-int8", "mixed-int4"):
        model, recipe = read_model(path), find_recipe(name)
        quantize(model, recipe, calibration=bundled_calibration(model, recipe))
        result = run(model, *inputs)[0]
        limit = 0.1 if name == "mixed-int4" else 0.01
        assert np.square(result - expected).mean() < limit * expected.var(), name


def test_smooth_pictures_see_exact_kernels_when_half_precision_carries_its_errors() -> None:
    weights = (0.1 * np.random.default_rng(0).normal(size=(32, 16, 16, 3))).astype(np.float32)
    ramp = np.linspace(0.3, 0.7, 16, dtype=np.float32)
    picture = np.repeat(np.add.outer(ramp, ramp)[:, :, None] / 2, 3, axis=2)

    def error(half: np.ndarray) -> float:
        change = half.astype(np.float64) - weights
        return float(np.square((change * picture).sum(axis=(1, 2, 3))).mean())

    carried = diffused(weights, 3)
    assert np.array_equal(carried, carried.astype(np.float16))
    assert error(carried) < 0.05 * error(weights.astype(np.float16))


def test_half_precision_is_the_same_when_patches_are_multiplied() -> None:
    stored = []
    for is_lean in (False, True):
        weights = np.random.default_rng(0).normal(size=(8, 16, 16, 3)).astype(np.float32)
        x, y = value("x", (1, 32, 32, 3)), value("y", (1, 2, 2, 8))
        bias = constant("b", np.zeros(8, np.float32))
        strides = {"strideH": 16, "strideW": 16, "padding": 1}
        options = {**CONVOLUTION, **strides, "fusedActivationFunction": 0}
        convolution = new_operator("CONV_2D", [x, constant("w", weights), bias], [y], **options)
        model = model_of([x], [y], [convolution])
        assert MULTIPLY_PATCHES.apply(model) if is_lean else True
        quantize(model, find_recipe("float16"))
        (half,) = (t for t in model.main.tensors() if t.dtype == "FLOAT16" and t.rank != 1)
        assert half.buffer is not None
        stored.append(half.buffer.data.view(np.float16))
        nearest = weights.astype(np.float16)
        assert not np.array_equal(stored[-1], nearest.ravel())
    np.testing.assert_array_equal(*stored)
