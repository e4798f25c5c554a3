"""Needless broadcasts, cancelling pairs and dead parts go; results stay the same to the bit."""

from __future__ import annotations

import numpy as np
import pytest

from edgeseal.tflite.graph import (
    Buffer,
    Model,
    Operator,
    OperatorCode,
    Subgraph,
    Tensor,
    new_operator,
)
from edgeseal.tflite.repairs.tidy._broadcasts import REMOVE_BROADCASTS
from edgeseal.tflite.repairs.tidy._cancelled_quantizes import CANCEL_QUANTIZES
from edgeseal.tflite.repairs.tidy._unused import REMOVE_DEAD
from edgeseal.tflite.rewrites import Rewrite
from graphs import constant, kinds, model_of, run, value

ADD = {"fusedActivationFunction": 0}


def assert_same(model: Model, rewrite: Rewrite, *arrays: np.ndarray) -> None:
    """Apply a repair, which has to change something once, and compare outputs."""
    before = run(model, *arrays)
    assert rewrite.apply(model)
    assert rewrite.apply(model) == []
    for one, other in zip(run(model, *arrays), before, strict=True):
        np.testing.assert_array_equal(one, other)


def broadcast(source: Tensor, wide: Tensor) -> Operator:
    sizes = constant("sizes", list(wide.shape))
    return new_operator("BROADCAST_TO", [source, sizes], [wide])


def floats(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def test_broadcast_goes_when_its_consumer_broadcasts() -> None:
    x, wide, y = value("x", (3, 1)), value("wide", (3, 4)), value("y", (3, 4))
    table = constant("table", floats(3, 4))
    add = new_operator("ADD", [wide, table], [y], **ADD)
    model = model_of([x], [y], [broadcast(x, wide), add])
    assert_same(model, REMOVE_BROADCASTS, floats(3, 1))
    assert kinds(model) == ["ADD"]


@pytest.mark.parametrize("shape", [(4, 5), (1, 1, 4, 5), (2, 1, 4, 5)])
def test_broadcast_goes_when_it_is_the_batch_of_a_product(shape: tuple[int, ...]) -> None:
    x, y = value("x", (2, 3, 2, 4)), value("y", (2, 3, 2, 5))
    matrix, wide = constant("matrix", floats(*shape)), value("wide", (2, 3, 4, 5))
    product = new_operator("BATCH_MATMUL", [x, wide], [y], adjX=False)
    model = model_of([x], [y], [broadcast(matrix, wide), product])
    assert_same(model, REMOVE_BROADCASTS, floats(2, 3, 2, 4))
    assert kinds(model) == ["BATCH_MATMUL"]


def test_broadcast_goes_when_it_changes_no_shape() -> None:
    x, wide, y = value("x", (3, 4)), value("wide", (3, 4)), value("y", (3,))
    sums = new_operator("SUM", [wide, constant("axes", [1])], [y], keepDims=False)
    model = model_of([x], [y], [broadcast(x, wide), sums])
    assert_same(model, REMOVE_BROADCASTS, floats(3, 4))
    assert kinds(model) == ["SUM"]


def two_broadcasts() -> Model:
    x, y = value("x", (3, 1)), value("y", (3, 4))
    z = value("z", (1, 4))
    wide = [value("wide_x", (3, 4)), value("wide_z", (3, 4))]
    product = new_operator("MUL", list(wide), [y], **ADD)
    return model_of([x, z], [y], [broadcast(x, wide[0]), broadcast(z, wide[1]), product])


def test_both_broadcasts_go_when_their_consumer_needs_neither() -> None:
    model = two_broadcasts()
    assert_same(model, REMOVE_BROADCASTS, floats(3, 1), floats(1, 4))
    assert kinds(model) == ["MUL"]


def test_one_broadcast_stays_when_the_result_needs_it() -> None:
    x, y = value("x", (3, 1)), value("y", (3, 4))
    wide = [value("wide", (3, 4)), value("wide_too", (3, 4))]
    product = new_operator("MUL", list(wide), [y], **ADD)
    model = model_of([x], [y], [broadcast(x, wide[0]), broadcast(x, wide[1]), product])
    assert_same(model, REMOVE_BROADCASTS, floats(3, 1))
    assert kinds(model) == ["BROADCAST_TO", "MUL"]


@pytest.mark.parametrize("kind", ["SUM", "CONCATENATION"])
def test_broadcast_stays_when_its_consumer_takes_what_it_gets(kind: str) -> None:
    x, wide = value("x", (3, 1)), value("wide", (3, 4))
    if kind == "SUM":
        y = value("y", (3,))
        user = new_operator("SUM", [wide, constant("axes", [1])], [y], keepDims=False)
    else:
        y = value("y", (3, 8))
        user = new_operator("CONCATENATION", [wide, wide], [y], axis=1)
    model = model_of([x], [y], [broadcast(x, wide), user])
    assert REMOVE_BROADCASTS.apply(model) == []


def test_broadcast_stays_when_it_widens_a_matrix() -> None:
    x, wide, y = value("x", (1, 4)), value("wide", (3, 4)), value("y", (2, 4))
    left = constant("left", floats(2, 3))
    product = new_operator("BATCH_MATMUL", [left, wide], [y], adjX=False)
    model = model_of([x], [y], [broadcast(x, wide), product])
    assert REMOVE_BROADCASTS.apply(model) == []


def quantized(name: str, dtype: str = "INT8", scale: float = 0.1, zero: int = 3) -> Tensor:
    return value(name, (64,), dtype, scale, zero)


def stored(dtype: str) -> np.ndarray:
    limits = np.iinfo(dtype.lower())
    return np.random.default_rng(0).integers(limits.min, limits.max, 64, dtype.lower(), True)


@pytest.mark.parametrize(("dtype", "zero"), [("INT8", 3), ("INT16", 0)])
def test_pair_goes_when_it_cancels(dtype: str, zero: int) -> None:
    x, real, again, y = (
        quantized("x", dtype, zero=zero),
        value("real", (64,)),
        quantized("again", dtype, zero=zero),
        quantized("y", dtype, zero=zero),
    )
    model = model_of(
        [x],
        [y],
        [
            new_operator("DEQUANTIZE", [x], [real]),
            new_operator("QUANTIZE", [real], [again]),
            new_operator("RESHAPE", [again, constant("shape", [64])], [y]),
        ],
    )
    assert_same(model, CANCEL_QUANTIZES, stored(dtype))
    assert kinds(model) == ["RESHAPE"]


def test_dequantize_stays_when_others_read_it() -> None:
    x, real, again = quantized("x"), value("real", (64,)), quantized("again")
    y, z = quantized("y"), value("z", (64,))
    model = model_of(
        [x],
        [y, z],
        [
            new_operator("DEQUANTIZE", [x], [real]),
            new_operator("QUANTIZE", [real], [again]),
            new_operator("RESHAPE", [again, constant("shape", [64])], [y]),
            new_operator("NEG", [real], [z]),
        ],
    )
    assert_same(model, CANCEL_QUANTIZES, stored("INT8"))
    assert kinds(model) == ["DEQUANTIZE", "RESHAPE", "NEG"]


def test_quantize_goes_when_nothing_changes() -> None:
    x, again, y = quantized("x"), quantized("again"), value("y", (64,))
    model = model_of(
        [x],
        [y],
        [
            new_operator("QUANTIZE", [x], [again]),
            new_operator("DEQUANTIZE", [again], [y]),
        ],
    )
    assert_same(model, CANCEL_QUANTIZES, stored("INT8"))
    assert kinds(model) == ["DEQUANTIZE"]


def test_output_keeps_its_name_when_its_quantize_goes() -> None:
    x, raised, real, y = quantized("x"), quantized("raised"), value("real", (64,)), quantized("y")
    model = model_of(
        [x],
        [y],
        [
            new_operator("RESHAPE", [x, constant("shape", [64])], [raised]),
            new_operator("DEQUANTIZE", [raised], [real]),
            new_operator("QUANTIZE", [real], [y]),
        ],
    )
    assert_same(model, CANCEL_QUANTIZES, stored("INT8"))
    assert kinds(model) == ["RESHAPE"]
    assert model.main.outputs[0].name == "y"


@pytest.mark.parametrize(
    "ending", [quantized("y", scale=0.2), quantized("y", zero=4), quantized("y", "INT16", zero=0)]
)
def test_pair_stays_when_the_quantization_differs(ending: Tensor) -> None:
    x, real = quantized("x"), value("real", (64,))
    model = model_of(
        [x],
        [ending],
        [
            new_operator("DEQUANTIZE", [x], [real]),
            new_operator("QUANTIZE", [real], [ending]),
        ],
    )
    assert CANCEL_QUANTIZES.apply(model) == []


def test_pair_stays_when_it_joins_input_and_output() -> None:
    x, real, y = quantized("x"), value("real", (64,)), quantized("y")
    model = model_of(
        [x],
        [y],
        [
            new_operator("DEQUANTIZE", [x], [real]),
            new_operator("QUANTIZE", [real], [y]),
        ],
    )
    assert CANCEL_QUANTIZES.apply(model) == []
    np.testing.assert_array_equal(run(model, stored("INT8"))[0], stored("INT8"))


def model_with_dead_parts() -> Model:
    x, y = value("x", (4,)), value("y", (4,))
    unused, also = value("unused", (4,)), value("also", (4,))
    model = model_of(
        [x],
        [y],
        [
            new_operator("NEG", [x], [unused]),
            new_operator("EXP", [unused], [also]),
            new_operator("ABS", [x], [y]),
        ],
    )
    model.main.extra_tensors = [constant("lost", floats(100))]
    model.extra_buffers = [Buffer.of(floats(50))]
    p, q = value("p", (1,)), value("q", (1,))
    model.subgraphs.append(Subgraph("never", [p], [q], [new_operator("ABS", [p], [q])]))
    return model


def test_dead_parts_go_when_nothing_uses_them() -> None:
    model = model_with_dead_parts()
    assert_same(model, REMOVE_DEAD, floats(4))
    assert kinds(model) == ["ABS"]
    assert [tensor.name for tensor in model.main.tensors()] == ["x", "y"]
    assert model.extra_buffers == []


def test_all_is_told_when_dead_parts_go() -> None:
    told = {change.code: change.names for change in REMOVE_DEAD.apply(model_with_dead_parts())}
    assert told == {"ES026": ("unused", "also"), "ES027": ("lost",), "ES028": ()}


def test_operator_stays_when_it_has_an_effect() -> None:
    x, y = value("x", (4,)), value("y", (4,))
    effect = Operator("Print", [x], [value("unused", (4,))], is_custom=True)
    model = model_of([x], [y], [effect, new_operator("ABS", [x], [y])])
    assert REMOVE_DEAD.apply(model) == []


def test_runtime_takes_a_model_when_an_operator_that_it_only_declares_goes() -> None:
    x, y = value("x", (4,)), value("y", (4,))
    model = model_of([x], [y], [new_operator("NEG", [x], [y])])
    model.extra_codes.append(OperatorCode("ADD", version=99))
    with pytest.raises(ValueError, match="Didn't find op"):
        run(model, floats(4))
    assert [change.names for change in REMOVE_DEAD.apply(model)] == [("ADD",)]
    np.testing.assert_array_equal(run(model, floats(4))[0], -floats(4))
