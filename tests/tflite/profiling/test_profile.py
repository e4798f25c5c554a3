"""Times add up, placement is the runtime's, and multiply-accumulates are PyTorch's count."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from edgeseal.tflite.graph import (
    Arithmetic,
    Model,
    Operator,
    Tensor,
    count_macs,
    new_operator,
    read_model,
    write_model,
)
from edgeseal.tflite.probe import Prober, cut
from edgeseal.tflite.profiling import Placement, Profile, profile
from graphs import constant, model_of, value


def profiled(model: Model, folder: Path, *, threads: int = 1, rounds: int = 3) -> Profile:
    path = folder / "m.tflite"
    write_model(model, path, overwrite=True)
    with Prober(threads=threads) as prober:
        return profile(path, read_model(path), prober, rounds=rounds)


def layers(side: int = 256, *, weights: str = "FLOAT32") -> Model:
    """A large layer and small operators; the weights are as they are, FLOAT16, or INT8."""
    x, a = value("x", [side, side]), value("a", [side, side])
    b, y = value("b", [side]), value("y", [side])
    numbers = np.random.default_rng(0).normal(size=(side, side)).astype(np.float32)
    operators = []
    kernel = constant("w", numbers)
    if weights == "FLOAT16":
        kernel = value("w_float", [side, side])
        stored = constant("w", numbers.astype(np.float16))
        operators = [new_operator("DEQUANTIZE", [stored], [kernel])]
    elif weights == "INT8":
        kernel = constant("w", np.clip(numbers * 30, -127, 127).astype(np.int8), scale=1 / 30)
    operators += [
        new_operator("FULLY_CONNECTED", [x, kernel, None], [a]),
        new_operator("MEAN", [a, constant("axes", [0])], [b], keepDims=False),
        new_operator("MIRROR_PAD", [b, constant("p", [[0, 0]])], [y], mode=0),
    ]
    return model_of([x], [y], operators)


def by_kind(found: Profile) -> dict[str, Any]:
    return {operator.operator.kind: operator for operator in found.operators}


@pytest.mark.parametrize("threads", [1, 2])
def test_times_are_shares_of_the_whole_when_the_file_runs(threads: int, tmp_path: Path) -> None:
    found = profiled(layers(), tmp_path, threads=threads, rounds=5)
    assert found.threads == threads
    assert found.refusal == ""
    assert found.latency_ms > 0 < found.processor_ms
    layer, mean, pad = found.operators
    assert min(o.latency_ms for o in found.operators) > 0 < min(o.share for o in found.operators)
    assert found.isolated_share == layer.share + mean.share + pad.share
    assert found.isolated_ms == layer.latency_ms + mean.latency_ms + pad.latency_ms


def test_shares_hold_when_the_machine_is_busy(tmp_path: Path) -> None:
    """Processor time counts, so one large layer is nearly everything; the bounds are wide."""
    found = profiled(layers(512), tmp_path)
    assert 0.3 < by_kind(found)["FULLY_CONNECTED"].share < 3


def test_placement_is_the_runtimes_when_operators_are_alone(tmp_path: Path) -> None:
    model = layers()
    found = profiled(model, tmp_path)
    assert {o.placement for o in found.operators} == {Placement.DELEGATE, Placement.FALLBACK}
    with Prober() as prober:
        for operator in found.operators:
            alone = prober.prepare(cut([operator.operator]).model)
            expected = Placement.DELEGATE if alone.delegated else Placement.FALLBACK
            assert operator.placement is expected
        assert found.partitions == prober.prepare(model).delegated == 1


def test_layer_is_on_the_delegate_when_its_weights_are_unpacked_before(tmp_path: Path) -> None:
    found = by_kind(profiled(layers(weights="FLOAT16"), tmp_path))
    assert found["FULLY_CONNECTED"].placement is Placement.DELEGATE
    assert found["FULLY_CONNECTED"].macs.arithmetic is Arithmetic.FLOAT
    unpacking = found["DEQUANTIZE"]
    assert (unpacking.placement, unpacking.latency_ms) == (Placement.LOADING, None)
    assert not unpacking.message


def test_kinds_sum_up_their_operators_when_listed(tmp_path: Path) -> None:
    x, a, b, y = (value(name, [64, 64]) for name in "xaby")
    weights = constant("w", np.ones((64, 64), np.float32))
    model = model_of(
        [x],
        [y],
        [
            new_operator("NEG", [x], [a]),
            new_operator("FULLY_CONNECTED", [a, weights, None], [b]),
            new_operator("NEG", [b], [y]),
        ],
    )
    found = profiled(model, tmp_path)
    kinds = {kind.kind: kind for kind in found.kinds()}
    assert (kinds["NEG"].count, kinds["FULLY_CONNECTED"].count) == (2, 1)
    first, last = (o for o in found.operators if o.operator.kind == "NEG")
    assert kinds["NEG"].latency_ms == first.latency_ms + last.latency_ms
    assert kinds["NEG"].share == first.share + last.share
    assert (kinds["NEG"].macs, kinds["FULLY_CONNECTED"].macs) == (0, 64**3)
    assert kinds["NEG"].on_delegate == sum(o.placement is Placement.DELEGATE for o in (first, last))
    assert [kind.latency_ms for kind in found.kinds()] == sorted(
        (kind.latency_ms for kind in kinds.values()), reverse=True
    )


def test_operators_are_timed_when_the_file_does_not_run(tmp_path: Path) -> None:
    table = constant("table", np.ones((1, 4, 4), np.int8), scale=0.1)
    x, a, y = (value(name, [1, 4, 4]) for name in "xay")
    operators = [new_operator("BATCH_MATMUL", [table, x], [a]), new_operator("NEG", [a], [y])]
    found = profiled(model_of([x], [y], operators), tmp_path)
    assert "BATCH_MATMUL" in found.refusal
    assert (found.latency_ms, found.isolated_share) == (None, None)
    product, negation = found.operators
    assert (product.latency_ms, product.placement) == (None, Placement.UNKNOWN)
    assert "batch_matmul" in product.message
    assert negation.latency_ms > 0
    assert negation.share is None
    assert found.isolated_ms == negation.latency_ms


def test_integer_share_counts_what_kernels_multiply(tmp_path: Path) -> None:
    hybrid = profiled(layers(64, weights="INT8"), tmp_path)
    assert hybrid.macs(Arithmetic.HYBRID) == hybrid.macs() == 64**3
    assert hybrid.macs(Arithmetic.INTEGER, Arithmetic.FLOAT) == 0
    plain = profiled(layers(64), tmp_path)
    assert plain.macs(Arithmetic.FLOAT) == plain.macs() == 64**3


def flops(run: Callable[[], torch.Tensor]) -> int:
    with FlopCounterMode(display=False) as counter:
        run()
    return counter.get_total_flops()


def tensor(*shape: int, dtype: str = "FLOAT32") -> Tensor:
    return value(f"t{shape}", shape, dtype)


def operator(kind: str, *operands: Tensor | None, result: Tensor, **options: object) -> Operator:
    return new_operator(kind, list(operands), [result], **options)


FUNCTIONAL = torch.nn.functional
CASES = {
    "convolution": (
        operator("CONV_2D", tensor(2, 9, 9, 6), tensor(8, 3, 3, 6), result=tensor(2, 7, 7, 8)),
        lambda: FUNCTIONAL.conv2d(torch.ones(2, 6, 9, 9), torch.ones(8, 6, 3, 3)),
    ),
    "grouped convolution": (
        operator("CONV_2D", tensor(2, 9, 9, 6), tensor(8, 3, 3, 3), result=tensor(2, 7, 7, 8)),
        lambda: FUNCTIONAL.conv2d(torch.ones(2, 6, 9, 9), torch.ones(8, 3, 3, 3), groups=2),
    ),
    "depthwise convolution": (
        operator(
            "DEPTHWISE_CONV_2D", tensor(2, 9, 9, 6), tensor(1, 3, 3, 12), result=tensor(2, 7, 7, 12)
        ),
        lambda: FUNCTIONAL.conv2d(torch.ones(2, 6, 9, 9), torch.ones(12, 1, 3, 3), groups=6),
    ),
    "transposed convolution": (
        operator(
            "TRANSPOSE_CONV",
            constant("shape", [2, 11, 11, 8]),
            tensor(8, 3, 3, 6),
            tensor(2, 9, 9, 6),
            result=tensor(2, 11, 11, 8),
        ),
        lambda: FUNCTIONAL.conv_transpose2d(torch.ones(2, 6, 9, 9), torch.ones(6, 8, 3, 3)),
    ),
    "3D convolution": (
        operator(
            "CONV_3D", tensor(2, 5, 6, 7, 3), tensor(2, 3, 3, 3, 4), result=tensor(2, 4, 4, 5, 4)
        ),
        lambda: FUNCTIONAL.conv3d(torch.ones(2, 3, 5, 6, 7), torch.ones(4, 3, 2, 3, 3)),
    ),
    "transposed 3D convolution": (
        operator(
            "CONV_3D_TRANSPOSE",
            constant("shape", [2, 5, 6, 7, 4]),
            tensor(2, 3, 3, 4, 3),
            tensor(2, 4, 4, 5, 3),
            result=tensor(2, 5, 6, 7, 4),
        ),
        lambda: FUNCTIONAL.conv_transpose3d(torch.ones(2, 3, 4, 4, 5), torch.ones(3, 4, 2, 3, 3)),
    ),
    "linear layer": (
        operator("FULLY_CONNECTED", tensor(5, 6), tensor(7, 6), result=tensor(5, 7)),
        lambda: FUNCTIONAL.linear(torch.ones(5, 6), torch.ones(7, 6)),
    ),
    "matrix product": (
        operator("BATCH_MATMUL", tensor(3, 4, 5), tensor(3, 5, 6), result=tensor(3, 4, 6)),
        lambda: torch.bmm(torch.ones(3, 4, 5), torch.ones(3, 5, 6)),
    ),
    "matrix product, turned": (
        operator(
            "BATCH_MATMUL", tensor(3, 5, 4), tensor(3, 5, 6), result=tensor(3, 4, 6), adjX=True
        ),
        lambda: torch.bmm(torch.ones(3, 4, 5), torch.ones(3, 5, 6)),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_multiply_accumulates_are_half_of_pytorchs_operations(case: str) -> None:
    layer, run = CASES[case]
    found = count_macs(layer)
    assert 2 * found.count == flops(run)
    assert found.arithmetic is Arithmetic.FLOAT


def test_every_gate_and_step_counts_when_a_layer_is_recurrent() -> None:
    gates = [tensor(8, 5)] * 4 + [tensor(8, 8)] * 4
    lstm = operator(
        "UNIDIRECTIONAL_SEQUENCE_LSTM",
        *(tensor(3, 7, 5), *gates, *[None] * 3, *[tensor(8)] * 4, None, None),
        result=tensor(3, 7, 8),
    )
    # what PyTorch multiplies: at every step, all gates by the input and by the state
    assert count_macs(lstm).count == 3 * 7 * 4 * (8 * 5 + 8 * 8)
    rnn = operator("RNN", tensor(3, 5), tensor(8, 5), tensor(8, 8), tensor(8), result=tensor(3, 8))
    assert count_macs(rnn).count == 3 * (8 * 5 + 8 * 8)
    basic = operator(
        "LSTM", tensor(3, 5), tensor(3, 8), tensor(32, 13), tensor(32), tensor(3, 8),
        result=tensor(3, 8),
    )  # fmt: skip
    assert count_macs(basic).count == 3 * 4 * (8 * 5 + 8 * 8)


@pytest.mark.parametrize(
    ("values", "weights", "expected"),
    [
        ("INT8", "INT8", Arithmetic.INTEGER),
        ("INT16", "INT8", Arithmetic.INTEGER),
        ("UINT8", "UINT8", Arithmetic.INTEGER),
        ("FLOAT32", "INT8", Arithmetic.HYBRID),
        ("FLOAT32", "INT4", Arithmetic.HYBRID),
        ("FLOAT32", "FLOAT16", Arithmetic.FLOAT),
        ("INT8", "FLOAT32", Arithmetic.FLOAT),
    ],
)
def test_arithmetic_is_named_after_values_and_weights(
    values: str, weights: str, expected: Arithmetic
) -> None:
    layer = operator(
        "FULLY_CONNECTED", tensor(5, 6, dtype=values), tensor(7, 6, dtype=weights),
        result=tensor(5, 7, dtype=values),
    )  # fmt: skip
    assert count_macs(layer).arithmetic is expected
    turned = operator(
        "TRANSPOSE_CONV", constant("shape", [1, 3, 3, 2]), tensor(2, 2, 2, 2, dtype=weights),
        tensor(1, 2, 2, 2, dtype=values), result=tensor(1, 3, 3, 2, dtype=values),
    )  # fmt: skip
    assert count_macs(turned).arithmetic is expected


def test_nothing_is_counted_when_there_are_no_products() -> None:
    assert count_macs(operator("ADD", tensor(4), tensor(4), result=tensor(4))) is None
    assert count_macs(operator("CONV_2D", tensor(4), result=tensor(4))) is None
    scalar = operator("BATCH_MATMUL", tensor(), tensor(), result=tensor())
    assert count_macs(scalar) is None


def test_shapes_are_those_of_the_run_when_they_are_dynamic(tmp_path: Path) -> None:
    x, shape = value("x", [6, 4]), constant("shape", [-1, 8])
    a, y = value("a", [1, 1]), value("y", [1, 1])
    weights = constant("w", np.ones((5, 8), np.float32))
    model = model_of(
        [x],
        [y],
        [
            new_operator("RESHAPE", [x, shape], [a]),
            new_operator("FULLY_CONNECTED", [a, weights, None], [y]),
        ],
    )
    assert profiled(model, tmp_path).macs() == 3 * 8 * 5
