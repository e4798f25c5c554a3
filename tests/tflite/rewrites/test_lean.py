"""Lean rewrites give what the original gives, in the operators they promise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgeseal.tflite.graph import Model, new_operator, read_model, write_model
from edgeseal.tflite.probe import Prober
from edgeseal.tflite.profiling import Placement, profile
from edgeseal.tflite.rewrites import Rewrite, lean
from edgeseal.tflite.rewrites._computed_weights import MULTIPLY_COMPUTED_WEIGHTS
from edgeseal.tflite.rewrites._depthwise import SPLIT_LARGE_DEPTHWISE
from edgeseal.tflite.rewrites._mirror_pad import UNFOLD_MIRROR_PADS
from edgeseal.tflite.rewrites._patches import MULTIPLY_PATCHES
from edgeseal.tflite.rewrites._wide_concatenation import SPLIT_WIDE_CONCATENATIONS
from graphs import constant, kinds, model_of, run, value
from tflite.rewrites.models import (
    NONE,
    REFLECT,
    RELU,
    SYMMETRIC,
    VALID,
    concatenation_model,
    depthwise_model,
    fully_connected_model,
    mirror_pad_model,
    patch_model,
)

RNG = np.random.default_rng(0)


def applied(rewrite: Rewrite, model: Model) -> int:
    """Apply a rewrite and return how many operators it rewrote."""
    return sum(change.count for change in rewrite.apply(model))


@pytest.mark.parametrize("mode", [REFLECT, SYMMETRIC])
@pytest.mark.parametrize(
    "paddings",
    [
        [[0, 0], [1, 1], [1, 1], [0, 0]],
        [[0, 0], [2, 1], [0, 3], [0, 0]],
        [[0, 0], [0, 0], [2, 2], [0, 1]],
    ],
)
def test_mirror_pad_gives_the_same_values_when_unfolded(
    paddings: list[list[int]], mode: int
) -> None:
    x = RNG.random((1, 5, 6, 3), np.float32)
    [expected] = run(mirror_pad_model(x.shape, paddings, mode), x)
    model = mirror_pad_model(x.shape, paddings, mode)
    assert applied(UNFOLD_MIRROR_PADS, model) == 1
    assert set(kinds(model)) == {"SLICE", "CONCATENATION"}
    [result] = run(model, x)
    np.testing.assert_array_equal(result, expected)


def test_mirror_pad_stays_when_its_border_is_wide() -> None:
    model = mirror_pad_model((1, 9, 9, 2), [[0, 0], [3, 3], [1, 1], [0, 0]], REFLECT)
    assert UNFOLD_MIRROR_PADS.apply(model) == []
    assert kinds(model) == ["MIRROR_PAD"]


def test_quantization_is_kept_when_a_quantized_mirror_pad_is_unfolded() -> None:
    x = RNG.integers(-128, 128, (1, 4, 4, 2)).astype(np.int8)
    results = []
    for count in (0, 1):
        source, result = (
            value(n, s, "INT8", 0.1, 3) for n, s in (("x", x.shape), ("y", (1, 6, 6, 2)))
        )
        paddings = constant("paddings", [[0, 0], [1, 1], [1, 1], [0, 0]])
        pad = new_operator("MIRROR_PAD", [source, paddings], [result], mode=REFLECT)
        model = model_of([source], [result], [pad])
        if count:
            assert applied(UNFOLD_MIRROR_PADS, model) == 1
        results.append(run(model, x)[0])
    np.testing.assert_array_equal(*results)


@pytest.mark.parametrize("activation", [NONE, RELU])
@pytest.mark.parametrize(
    ("kernel", "parts"), [((7, 7), 3), ((9, 9), 5), ((11, 11), 6), ((3, 9), 4), ((9, 3), 2)]
)
def test_large_depthwise_gives_the_same_when_split(
    kernel: tuple[int, int], parts: int, activation: int
) -> None:
    x = RNG.normal(size=(1, 12, 12, 4)).astype(np.float32)
    [expected] = run(depthwise_model(kernel, activation=activation), x)
    model = depthwise_model(kernel, activation=activation)
    assert applied(SPLIT_LARGE_DEPTHWISE, model) == 1
    assert kinds(model).count("DEPTHWISE_CONV_2D") == parts
    [result] = run(model, x)
    np.testing.assert_allclose(result, expected, atol=2e-5)


@pytest.mark.parametrize(
    ("kernel", "changed"),
    [
        ((5, 5), {}),
        ((7, 7), {"strideH": 2, "strideW": 2}),
        ((7, 7), {"padding": VALID}),
        ((3, 31), {}),
        ((15, 15), {}),
    ],
)
def test_depthwise_stays_when_it_is_small_or_cannot_be_split(
    kernel: tuple[int, int], changed: dict[str, int]
) -> None:
    assert SPLIT_LARGE_DEPTHWISE.apply(depthwise_model(kernel, **changed)) == []


@pytest.mark.parametrize("activation", [NONE, RELU])
@pytest.mark.parametrize("batch", [1, 3])
def test_patch_convolution_gives_the_same_when_multiplied(batch: int, activation: int) -> None:
    x = RNG.random((batch, 32, 48, 3), np.float32)
    [expected] = run(patch_model(batch=batch, activation=activation), x)
    model = patch_model(batch=batch, activation=activation)
    assert applied(MULTIPLY_PATCHES, model) == 1
    assert "CONV_2D" not in kinds(model)
    [result] = run(model, x)
    np.testing.assert_allclose(result, expected, atol=1e-4)


@pytest.mark.parametrize("changed", [{"channels": 16}, {"stride": 8}, {"kernel": 8, "stride": 8}])
def test_convolution_stays_when_patches_overlap_or_gain_nothing(
    changed: dict[str, int],
) -> None:
    assert MULTIPLY_PATCHES.apply(patch_model(**changed)) == []


@pytest.mark.parametrize(("bias", "activation"), [(False, NONE), (True, NONE), (True, RELU)])
@pytest.mark.parametrize(("rows", "keep_dims"), [((6,), True), ((2, 3), True), ((2, 3), False)])
def test_layer_with_computed_weights_gives_the_same_when_multiplied(
    rows: tuple[int, ...], bias: bool, activation: int, keep_dims: bool
) -> None:
    x = RNG.normal(size=(*rows, 8)).astype(np.float32)
    w = RNG.normal(size=(5, 8)).astype(np.float32)

    def make() -> Model:
        return fully_connected_model(rows, bias=bias, activation=activation, keep_dims=keep_dims)

    [expected] = run(make(), x, w)
    model = make()
    assert applied(MULTIPLY_COMPUTED_WEIGHTS, model) == 1
    assert "FULLY_CONNECTED" not in kinds(model)
    [result] = run(model, x, w)
    assert result.shape == expected.shape
    np.testing.assert_allclose(result, expected, atol=1e-5)


def test_layer_stays_when_its_weights_are_constant_or_its_activation_has_no_sum_to_join() -> None:
    constant_weights = fully_connected_model((6,), bias=True, is_constant=True)
    assert MULTIPLY_COMPUTED_WEIGHTS.apply(constant_weights) == []
    alone = fully_connected_model((6,), bias=False, activation=RELU)
    assert MULTIPLY_COMPUTED_WEIGHTS.apply(alone) == []


def test_layer_stays_when_its_weights_are_computed_from_constants_alone() -> None:
    model = fully_connected_model((6,), bias=False, is_constant=True)
    [layer] = model.main.operators
    stored = constant("stored", RNG.normal(size=(5, 8)).astype(np.float16))
    widened = value("widened", (5, 8))
    layer.inputs[1] = widened
    model.main.insert_before(layer, new_operator("DEQUANTIZE", [stored], [widened]))
    assert MULTIPLY_COMPUTED_WEIGHTS.apply(model) == []


def test_product_of_computed_matrices_runs_on_the_delegate_when_multiplied(
    tmp_path: Path,
) -> None:
    places = []
    for is_rewritten in (False, True):
        model = fully_connected_model((64,), bias=False)
        assert MULTIPLY_COMPUTED_WEIGHTS.apply(model) if is_rewritten else True
        path = tmp_path / f"{len(places)}.tflite"
        write_model(model, path)
        with Prober() as prober:
            [product] = profile(path, read_model(path), prober, rounds=1).operators
        places.append(product.placement)
    assert places == [Placement.FALLBACK, Placement.DELEGATE]


@pytest.mark.parametrize("axis", [1, -1])
@pytest.mark.parametrize(("count", "operators"), [(6, 2), (25, 6), (32, 10)])
def test_wide_concatenation_gives_the_same_values_when_split(
    count: int, operators: int, axis: int
) -> None:
    shapes = [(2, 1 + i % 3, 4) if axis == 1 else (2, 4, 1 + i % 3) for i in range(count)]
    arrays = [RNG.random(shape, np.float32) for shape in shapes]
    expected = np.concatenate(arrays, axis=axis)

    model = concatenation_model(shapes, axis)
    assert applied(SPLIT_WIDE_CONCATENATIONS, model) == 1
    assert kinds(model) == operators * ["CONCATENATION"]
    [result] = run(model, *arrays)
    np.testing.assert_array_equal(result, expected)


def test_concatenation_stays_when_the_delegate_takes_it() -> None:
    assert SPLIT_WIDE_CONCATENATIONS.apply(concatenation_model([(2, 3)] * 5, 0)) == []


def test_nothing_is_left_to_rewrite_when_a_model_is_lean() -> None:
    model = depthwise_model((7, 7))
    assert {change.rewrite for change in lean(model)} == {"depthwise"}
    assert lean(model) == []
