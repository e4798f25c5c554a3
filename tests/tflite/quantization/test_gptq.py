"""GPTQ against its definition: column by column, with matrix inverses from numpy."""

from __future__ import annotations

import numpy as np
import pytest

from edgeseal.tflite.quantization.weights import _gptq as gptq
from edgeseal.tflite.quantization.weights._bias import _shift
from edgeseal.tflite.quantization.weights._integer_weights import (
    LARGEST,
    round_to_nearest,
    symmetric_scale,
)


def problem(count: int, channels: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Weights, and a covariance of inputs that depend on each other."""
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(8 * count, count)) @ rng.normal(size=(count, count))
    return (
        rng.normal(size=(channels, count)).astype(np.float32),
        np.cov(inputs.T, bias=True).astype(np.float32).reshape(count, count),
    )


def by_definition(
    rows: np.ndarray, spread: np.ndarray, scale: np.ndarray, damping: float, bits: int
) -> np.ndarray:
    """Optimal Brain Surgeon, a column at a time: the inverse of what is left, from scratch."""
    damped = spread.astype(np.float64) + damping * np.mean(np.diag(spread)) * np.eye(len(spread))
    order = np.argsort(-np.diag(spread), kind="stable")
    weights, rounded = rows.astype(np.float64), np.zeros(rows.shape, np.int8)
    left = list(order)
    while left:
        inverse = np.linalg.inv(damped[np.ix_(left, left)])
        column = left[0]
        steps = np.rint(weights[:, column] / scale).clip(-LARGEST[bits], LARGEST[bits])
        error = weights[:, column] - steps * scale
        rounded[:, column] = steps
        weights[:, left] -= np.outer(error / inverse[0, 0], inverse[0])
        left = left[1:]
    return rounded


@pytest.mark.parametrize(
    ("count", "channels", "bits"),
    [(1, 3, 4), (7, 4, 4), (7, 4, 8), (40, 5, 4), (40, 5, 8), (132, 2, 8)],
)
def test_rounding_is_that_of_the_definition_when_columns_are_many(
    count: int, channels: int, bits: int
) -> None:
    rows, spread = problem(count, channels)
    scale = symmetric_scale(rows, 0, bits=bits)
    root, order = gptq.inverse_root(spread, 0.01)
    found = gptq.round_with_root(rows, root, order, scale, bits=bits)
    expected = by_definition(rows, spread, scale, 0.01, bits)
    assert found.dtype == np.int8
    differing = np.abs(found.astype(int) - expected)
    # float32 on the way: what lies near the middle of two steps may go either way
    assert (differing > 0).mean() < 0.03
    assert differing.max() <= 1 or bits == 4


@pytest.mark.parametrize("seed", range(4))
def test_results_are_nearer_than_to_the_nearest_when_inputs_depend_on_each_other(
    seed: int,
) -> None:
    rows, spread = problem(32, 16, seed)
    scale = symmetric_scale(rows, 0, bits=4)
    root, order = gptq.inverse_root(spread, 0.01)
    learned = gptq.round_with_root(rows, root, order, scale, bits=4) * scale[:, None]
    nearest = np.rint(rows / scale[:, None]).clip(-7, 7) * scale[:, None]
    ours, theirs = (gptq.output_error(one - rows, spread).sum() for one in (learned, nearest))
    assert ours < 0.8 * theirs


def test_rounding_is_to_the_nearest_when_inputs_are_independent() -> None:
    rows, _ = problem(24, 6)
    spread = np.diag(np.random.default_rng(1).uniform(0.5, 2, 24)).astype(np.float32)
    scale = symmetric_scale(rows, 0, bits=4)
    root, order = gptq.inverse_root(spread, 0.01)
    found = gptq.round_with_root(rows, root, order, scale, bits=4)
    assert np.array_equal(found, np.rint(rows / scale[:, None]).clip(-7, 7))
    assert order.tolist() == np.argsort(-np.diag(spread), kind="stable").tolist()


def test_channels_are_rounded_alone_when_each_has_inputs_of_its_own() -> None:
    rows, _ = problem(9, 5)
    spreads = np.stack([problem(9, 1, seed)[1] for seed in range(5)])
    scale = symmetric_scale(rows, 0, bits=4)
    root, order = gptq.inverse_root(spreads, 0.01)
    together = gptq.round_with_root(rows, root, order, scale, bits=4)
    assert together.shape == rows.shape
    for channel in range(5):
        damped = spreads[channel] + 0.01 * np.trace(spreads[channel]) / 9 * np.eye(9)
        triangle = root[channel].astype(np.float64)
        inverse = np.linalg.inv(damped[np.ix_(order, order)].astype(np.float64))
        assert np.allclose(np.triu(triangle), triangle)
        assert np.allclose(triangle.T @ triangle, inverse, rtol=1e-3, atol=1e-5 * inverse.max())
        alone = gptq.round_with_root(
            rows[channel : channel + 1], root[channel : channel + 1], order,
            scale[channel : channel + 1], bits=4,
        )  # fmt: skip
        assert np.array_equal(alone[0], together[channel])


@pytest.mark.parametrize("count", [1, 5, 128, 129, 300])
def test_triangle_is_numpys_inverse_when_it_is_divided(count: int) -> None:
    rng = np.random.default_rng(0)
    lower = np.tril(rng.normal(size=(2, count, count))) / count + 3 * np.eye(count)
    inverse = gptq._inverse_triangle(lower)
    assert np.allclose(inverse, np.linalg.inv(lower), atol=1e-9)
    assert np.array_equal(np.tril(inverse), inverse)


def test_layer_is_rounded_when_it_saw_nothing_but_a_constant() -> None:
    rows, _ = problem(6, 3)
    root, order = gptq.inverse_root(np.zeros((6, 6), np.float32), 0.01)
    scale = symmetric_scale(rows, 0, bits=8)
    found = gptq.round_with_root(rows, root, order, scale, bits=8)
    assert np.array_equal(found, np.rint(rows / scale[:, None]))


def test_error_is_the_variance_of_the_results_when_inputs_are_drawn() -> None:
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(4000, 5)) @ rng.normal(size=(5, 5))
    change = rng.normal(size=(3, 5)).astype(np.float32)
    spread = np.cov(inputs.T, bias=True).astype(np.float32)
    expected = (inputs @ change.T).var(axis=0)
    assert np.allclose(gptq.output_error(change, spread), expected, rtol=1e-3)
    each = gptq.output_error(change, np.stack([spread, 2 * spread, 0 * spread]))
    assert np.allclose(each, expected * [1, 2, 0], rtol=1e-3)


@pytest.mark.parametrize("bits", [4, 8])
def test_scale_loses_least_of_all_shares_when_tried_by_hand(bits: int) -> None:
    rng = np.random.default_rng(0)
    rows = rng.laplace(size=(6, 200)).astype(np.float32)
    variance = rng.uniform(0.1, 2, 200).astype(np.float32)
    full = symmetric_scale(rows, 0, bits=bits)

    def loss(scale: np.ndarray) -> np.ndarray:
        steps = np.rint(rows / scale[:, None]).clip(-LARGEST[bits], LARGEST[bits])
        return (variance * (steps * scale[:, None] - rows) ** 2).sum(axis=1)

    found = gptq.fitted_scale(rows, variance, bits=bits)
    assert (found <= full).all() and (found >= 0.59 * full).all()
    best = np.min([loss(np.float32(share) * full) for share in np.linspace(1, 0.6, 11)], axis=0)
    assert np.allclose(loss(found), best, rtol=1e-4)
    assert (loss(found) <= loss(full) * (1 + 1e-6)).all()


@pytest.mark.parametrize("axis", [0, 1, 3])
@pytest.mark.parametrize("bits", [4, 8])
def test_values_are_within_half_a_step_when_rounded_to_the_nearest(axis: int, bits: int) -> None:
    values = np.random.default_rng(0).normal(size=(3, 4, 2, 5)).astype(np.float32)
    values[:, 1] = 0  # a channel of nothing
    rounded = round_to_nearest(values, axis, bits=bits)
    real = rounded.dequantized()
    others = tuple(at for at in range(4) if at != axis)
    step = np.abs(values).max(axis=others, keepdims=True) / LARGEST[bits]
    assert real.shape == values.shape
    assert (np.abs(real - values) <= 0.5 * step * (1 + 1e-5) + 1e-12).all()


def test_shift_is_the_mean_change_of_a_layer_when_computed_by_hand() -> None:
    rng = np.random.default_rng(0)
    mean = rng.normal(size=3).astype(np.float32)
    flat = rng.normal(size=(5, 3)).astype(np.float32)
    assert np.allclose(_shift("FULLY_CONNECTED", flat, mean), flat @ mean, atol=1e-6)
    kernel = rng.normal(size=(5, 2, 2, 3)).astype(np.float32)
    by_hand = np.einsum("ohwi,i->o", kernel, mean)
    assert np.allclose(_shift("CONV_2D", kernel, mean), by_hand, atol=1e-6)
    taps = rng.normal(size=(1, 3, 3, 3)).astype(np.float32)
    by_hand = np.einsum("ahwc,c->c", taps, mean)
    assert np.allclose(_shift("DEPTHWISE_CONV_2D", taps, mean), by_hand, atol=1e-6)


@pytest.mark.parametrize(
    ("kind", "shape"),
    [("CONV_2D", (4, 3, 3, 2)), ("FULLY_CONNECTED", (4, 6)), ("DEPTHWISE_CONV_2D", (1, 3, 3, 6)),
     ("TRANSPOSE_CONV", (4, 3, 3, 3)), ("BATCH_MATMUL", (4, 3))],
)  # fmt: skip
def test_bias_is_left_alone_when_means_are_not_those_of_the_inputs(
    kind: str, shape: tuple[int, ...]
) -> None:
    """Grouped, flattened, or with a multiplier: three means do not say what a layer sees."""
    assert _shift(kind, np.ones(shape, np.float32), np.ones(3, np.float32)) is None
