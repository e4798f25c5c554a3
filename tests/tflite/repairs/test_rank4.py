"""Rank 5 and more becomes rank 4 or less, to the bit."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from edgeseal.tflite.graph import Model, Operator, Tensor, new_operator
from edgeseal.tflite.repairs.rank._rank4 import _LOWERINGS, LOWER_RANK, unlowerable_reason
from graphs import constant, kinds, model_of, reshape, run, value

Array = Any
SELF = object()
"""An operand that is the tensor itself, once more."""


@dataclass
class Case:
    """An operator on one tensor of high rank, and numpy's word for it."""

    kind: str
    shape: tuple[int, ...]
    expected: Callable[[Array], Array]
    operands: list[Any] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)
    first: int = 0  # position of the tensor among the operands
    name: str = ""

    def __str__(self) -> str:
        return self.name or self.kind


def high_rank_model(case: Case) -> tuple[Model, Array, list[Array]]:
    """Return a model of low-rank ends around the operator, its input and what numpy expects."""
    x = np.random.default_rng(0).uniform(0.5, 2, case.shape).astype(np.float32)
    results = case.expected(x)
    results = results if isinstance(results, list) else [results]
    source, high = value("x", (x.size,)), value("high", case.shape)
    inputs: list[Tensor | None] = [
        high if operand is SELF else constant(f"c{i}", operand)
        for i, operand in enumerate(case.operands)
    ]
    inputs.insert(case.first, high)
    dtype = {"f": "FLOAT32", "b": "BOOL", "i": "INT32"}
    outputs = [value(f"result{i}", r.shape, dtype[r.dtype.kind]) for i, r in enumerate(results)]
    flat = [value(f"y{i}", (r.size,), dtype[r.dtype.kind]) for i, r in enumerate(results)]
    ends = [reshape(a, b) for a, b in zip(outputs, flat, strict=True)]
    operator = new_operator(case.kind, inputs, outputs, **case.options)
    model = model_of([source], flat, [reshape(source, high), operator, *ends])
    return model, x.reshape(-1), [r.reshape(-1) for r in results]


def highest_rank(model: Model) -> int:
    return max(tensor.rank for subgraph in model.subgraphs for tensor in subgraph.tensors())


def softmax(x: Array) -> Array:
    e = np.exp(x - x.max(-1, keepdims=True))
    return (e / e.sum(-1, keepdims=True)).astype(np.float32)


S5 = (2, 3, 4, 5, 6)
SEVEN, THREE = np.float32(7), np.float32(3)
NONE = {"fusedActivationFunction": 0}
S6 = (1, 2, 4, 2, 4, 3)
ROW = np.arange(6, dtype=np.float32) + 1
GRID = np.random.default_rng(1).uniform(1, 2, (2, 1, 4, 1, 6)).astype(np.float32)
COMB = np.random.default_rng(1).uniform(1, 2, (1, 3, 1, 5, 1)).astype(np.float32)
WEIGHTS = np.random.default_rng(2).integers(-2, 3, (7, 6)).astype(np.float32)
BIAS = np.zeros(7, np.float32)
MATRIX = np.random.default_rng(2).integers(-2, 3, (2, 3, 1, 6, 2)).astype(np.float32)
PADDING = [[0, 0], [1, 2], [0, 0], [0, 1], [0, 0]]
EVERY_PADDING = [[1, 0], [1, 2], [2, 0], [0, 1], [3, 1]]
TABLE = np.array([[0, 2], [1, 1], [0, 0]], np.int32)

MOVING = [
    Case("TRANSPOSE", S6, lambda x: x.transpose(0, 1, 3, 2, 4, 5), [[0, 1, 3, 2, 4, 5]]),
    Case("TRANSPOSE", S5, lambda x: x.transpose(2, 0, 3, 1, 4), [[2, 0, 3, 1, 4]], name="qkv"),
    Case("SLICE", S5, lambda x: x[1:2, :, 1:3, :, :], [[1, 0, 1, 0, 0], [1, 3, 2, 5, 6]]),
    Case(
        "SLICE",
        S5,
        lambda x: x[1:2, :2, 1:3, 2:, 3:5],
        [[1, 0, 1, 2, 3], [1, 2, 2, 3, 2]],
        name="SLICE of every axis",
    ),
    Case(
        "STRIDED_SLICE",
        S5,
        lambda x: x[:, ::2, 1, -3:, :],
        [[0, 0, 1, -3, 0], [0, 0, 2, 0, 0], [1, 2, 1, 1, 1]],
        {"beginMask": 0b10001, "endMask": 0b11011, "shrinkAxisMask": 0b00100},
    ),
    Case("PACK", S5[1:], lambda x: np.stack([x, x], 2), [SELF], {"axis": 2, "valuesCount": 2}),
    Case("UNPACK", S5, lambda x: list(np.moveaxis(x, 2, 0)), [], {"num": 4, "axis": 2}),
    Case("SPLIT", S5, lambda x: np.split(x, 2, 2), [2], {"numSplits": 2}, first=1),
    Case("SPLIT_V", S5, lambda x: np.split(x, [1], 3), [[1, 4], 3], {"numSplits": 2}),
    Case("CONCATENATION", S5, lambda x: np.concatenate([x, x], -1), [SELF], {"axis": -1}),
    Case("GATHER", S5, lambda x: x[:, :, [3, 0]], [[3, 0]], {"axis": 2, "batchDims": 0}),
    Case(
        "GATHER",
        S5,
        lambda x: np.stack([x[0][:, [1, 0]], x[1][:, [3, 3]]]),
        [[[1, 0], [3, 3]]],
        {"axis": 2, "batchDims": 1},
        name="GATHER in batches",
    ),
    Case("GATHER_ND", S5, lambda x: x[TABLE[:, 0], TABLE[:, 1]], [TABLE]),
    Case("TILE", S5, lambda x: np.tile(x, (1, 2, 1, 1, 3)), [[1, 2, 1, 1, 3]]),
    Case("TILE", S5, lambda x: np.tile(x, (2, 1, 2, 3, 2)), [[2, 1, 2, 3, 2]], name="TILE often"),
    Case("PAD", S5, lambda x: np.pad(x, PADDING), [PADDING]),
    Case(
        "PADV2",
        S5,
        lambda x: np.pad(x, EVERY_PADDING, constant_values=SEVEN),
        [EVERY_PADDING, SEVEN],
    ),
    Case("MIRROR_PAD", S5, lambda x: np.pad(x, PADDING, "reflect"), [PADDING], {"mode": 0}),
    Case("BROADCAST_TO", (2, 3, 1, 1, 6), lambda x: np.broadcast_to(x, S5), [list(S5)]),
    Case("EXPAND_DIMS", S5, lambda x: x[:, :, None], [2]),
    Case("SQUEEZE", S6, lambda x: x[0], [], {"squeezeDims": [0]}),
    Case("REVERSE_V2", S5, lambda x: np.flip(x, 2), [[2]]),
]  # fmt: skip
COMPUTING = [
    Case("ADD", S5, lambda x: x + ROW, [ROW], NONE),
    Case("MUL", S5, lambda x: x * GRID, [GRID], NONE),
    Case("MUL", (2, 1, 4, 1, 6), lambda x: x * COMB, [COMB], NONE, name="outer"),
    Case("MUL", (1,) * 5, lambda x: x * THREE, [THREE], NONE, name="MUL of one"),
    Case("GREATER", S5, lambda x: x > GRID, [GRID]),
    Case("SQUARED_DIFFERENCE", S5, lambda x: (GRID - x) ** 2, [GRID], first=1),
    Case("ABS", S5, np.abs),
    Case("CUMSUM", S5, lambda x: x.cumsum(2, dtype=np.float32), [2], {"reverse": False}),
    Case("ARG_MAX", S5, lambda x: x.argmax(3).astype(np.int32), [3], {"outputType": 2}),
    Case("REDUCE_MAX", S5, lambda x: x.max((1, 3)), [[1, 3]], {"keepDims": False}),
    Case("REDUCE_MIN", S5, lambda x: x.min((-1, 0), keepdims=True), [[-1, 0]], {"keepDims": True}),
    Case("REDUCE_MAX", S6, lambda x: x.max(0), [[0]], {"keepDims": False}, name="of one"),
]  # fmt: skip
SUMMING = [
    Case("MEAN", S5, lambda x: x.mean((2, 3)), [[2, 3]], {"keepDims": False}),
    Case("SUM", S5, lambda x: x.sum((0, 2, 4)), [[0, 2, 4]], {"keepDims": False}),
    Case("SOFTMAX", S5, softmax, [], {"beta": 1.0}),
    Case("FULLY_CONNECTED", S5, lambda x: x @ WEIGHTS.T, [WEIGHTS, BIAS], {"keepNumDims": True}),
    Case("BATCH_MATMUL", S5, lambda x: x @ MATRIX, [MATRIX], {"adjX": False}),
]  # fmt: skip


@pytest.mark.parametrize("case", [*MOVING, *COMPUTING], ids=str)
def test_result_is_the_same_to_the_bit_when_lowered(case: Case) -> None:
    model, x, expected = high_rank_model(case)
    assert LOWER_RANK.apply(model)
    assert highest_rank(model) <= 4
    for got, want in zip(run(model, x), expected, strict=True):
        np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("case", SUMMING, ids=str)
def test_result_is_the_same_up_to_rounding_when_sums_are_lowered(case: Case) -> None:
    model, x, expected = high_rank_model(case)
    assert LOWER_RANK.apply(model)
    assert highest_rank(model) <= 4
    for got, want in zip(run(model, x), expected, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-5)


@pytest.mark.parametrize("order", list(itertools.permutations(range(5))), ids=str)
def test_any_permutation_is_exact_when_lowered(order: tuple[int, ...]) -> None:
    case = Case("TRANSPOSE", (2, 3, 4, 5, 2), lambda x: x.transpose(order), [list(order)])
    model, x, [expected] = high_rank_model(case)
    LOWER_RANK.apply(model)
    assert highest_rank(model) <= 4
    assert kinds(model).count("TRANSPOSE") <= 2
    np.testing.assert_array_equal(run(model, x)[0], expected)


@pytest.mark.parametrize("seed", range(12))
def test_permutation_of_seven_axes_is_exact_when_lowered(seed: int) -> None:
    rng = np.random.default_rng(seed)
    order, shape = rng.permutation(7), rng.integers(1, 4, 7)
    case = Case("TRANSPOSE", tuple(shape), lambda x: x.transpose(order), [order.astype(np.int32)])
    model, x, [expected] = high_rank_model(case)
    LOWER_RANK.apply(model)
    assert highest_rank(model) <= 4
    np.testing.assert_array_equal(run(model, x)[0], expected)


def test_constant_keeps_its_scales_when_its_axis_moves() -> None:
    weights = np.random.default_rng(0).integers(-9, 9, (1, 2, 3, 2, 4), np.int8)
    stored = constant("w", weights, scale=[0.5, 1, 2], axis=2)
    x, high = value("x", (2, 3, 2, 4)), value("high", weights.shape)
    wide, y = value("wide", weights.shape), value("y", (48,))
    total = value("total", weights.shape)
    model = model_of(
        [x],
        [y],
        [
            reshape(x, high),
            new_operator("DEQUANTIZE", [stored], [wide]),
            new_operator("ADD", [high, wide], [total], fusedActivationFunction=0),
            reshape(total, y),
        ],
    )
    LOWER_RANK.apply(model)
    assert highest_rank(model) <= 4
    floats = weights * np.array([0.5, 1, 2], np.float32)[:, None, None]
    np.testing.assert_array_equal(run(model, np.ones(x.shape, np.float32))[0], floats.ravel() + 1)


def stays_model() -> Model:
    """A CONV_3D, which needs rank 5, with an ABS before and a NEG behind it."""
    x, y = value("x", (1, 4, 4, 4, 2)), value("y", (1, 4, 4, 4, 3))
    names = ("positive", "convolved", "opposite")
    positive, convolved, opposite = (
        value(name, shape) for name, shape in zip(names, (x.shape, y.shape, y.shape), strict=True)
    )
    weights = constant("w", np.ones((1, 1, 1, 2, 3), np.float32))
    bias = constant("b", np.zeros(3, np.float32))
    strides = {f"stride{axis}": 1 for axis in "DHW"}
    dilations = {f"dilation{axis}Factor": 1 for axis in "DHW"}
    operators = [
        new_operator("ABS", [x], [positive]),
        new_operator("CONV_3D", [positive, weights, bias], [convolved], **strides, **dilations),
        new_operator("NEG", [convolved], [opposite]),
        new_operator("EXP", [opposite], [y]),
    ]
    return model_of([x], [y], operators)


def test_operator_stays_when_it_needs_its_rank() -> None:
    model = stays_model()
    x = np.random.default_rng(0).normal(size=model.main.inputs[0].shape).astype(np.float32)
    before = run(model, x)[0]
    [*_, last] = LOWER_RANK.apply(model)
    assert last.names == ("y",)
    assert kinds(model) == ["ABS", "CONV_3D", "RESHAPE", "NEG", "EXP", "RESHAPE"]
    np.testing.assert_array_equal(run(model, x)[0], before)


def test_operator_stays_when_its_merged_axes_are_too_large() -> None:
    x, y = value("x", [1, 1, 1 << 20, 1 << 20, 2]), value("y", [1, 1, 1 << 20, 1 << 20, 2])
    model = model_of([x], [y], [new_operator("ABS", [x], [y])])
    assert LOWER_RANK.apply(model) == []
    assert kinds(model) == ["ABS"]


@pytest.mark.parametrize("kind", sorted(_LOWERINGS))
def test_operator_stays_when_it_lacks_operands(kind: str) -> None:
    x, y = value("x", [1, 1, 2, 2, 2]), value("y", [1, 1, 2, 2, 2])
    for inputs, outputs in (([x], []), ([], [y]), ([None, x], [y])):
        operator = Operator(kind, inputs, outputs)
        assert unlowerable_reason(operator) == "has no operand or no result"


def test_nothing_changes_when_lowered_again() -> None:
    for model in (stays_model(), high_rank_model(MOVING[1])[0]):
        LOWER_RANK.apply(model)
        before = kinds(model)
        assert LOWER_RANK.apply(model) == []
        assert kinds(model) == before


def test_nothing_changes_when_all_ranks_are_low() -> None:
    x, y = value("x", (2, 3)), value("y", (3, 2))
    model = model_of([x], [y], [reshape(x, y)])
    assert LOWER_RANK.apply(model) == []


def test_tensor_read_twice_is_reshaped_once_when_lowered() -> None:
    x, high = value("x", (math.prod(S5),)), value("high", S5)
    sums = [value(f"sum{i}", S5) for i in range(2)]
    ys = [value(f"y{i}", x.shape) for i in range(2)]
    row = constant("row", ROW)
    adds = [new_operator("ADD", [high, row], [s], fusedActivationFunction=0) for s in sums]
    ends = [reshape(s, y) for s, y in zip(sums, ys, strict=True)]
    model = model_of([x], ys, [reshape(x, high), *adds, *ends])
    LOWER_RANK.apply(model)
    assert kinds(model) == ["RESHAPE", "ADD", "ADD", "RESHAPE", "RESHAPE"]
