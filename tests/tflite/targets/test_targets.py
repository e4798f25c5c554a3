"""Each target's judge names what falls back, and why."""

from __future__ import annotations

import importlib.util
import re
from typing import Any

import numpy as np
import pytest

from edgeseal.errors import MissingExtraError, ModelError, ProbeError, UsageError
from edgeseal.tflite.graph import Model, new_operator
from edgeseal.tflite.probe import Prober, cut
from edgeseal.tflite.targets import Basis, Target, TargetReport, assess
from graphs import constant, model_of, reshape, value
from tflite.diagnosis.fixtures import FIXTURES


def layers(*, per_channel: bool = False) -> Model:
    """INT8: a linear layer, then a product with a constant that may have a scale per channel."""
    x, h = value("x", [1, 4, 8], "INT8", 0.1), value("h", [1, 4, 8], "INT8", 0.1)
    y = value("y", [1, 4, 8], "INT8", 0.1)
    numbers = np.random.default_rng(0).integers(-127, 127, (8, 8)).astype(np.int8)
    weights = constant("w", numbers, scale=[0.01] * 8)
    scales = np.full(8 if per_channel else 1, 0.01, np.float32)
    table = constant("table", numbers[None], scale=scales, axis=2 if per_channel else 0)
    layer = new_operator("FULLY_CONNECTED", [x, weights, None], [h], keepNumDims=True)
    product = new_operator("BATCH_MATMUL", [h, table], [y])
    return model_of([x], [y], [layer, product])


def reasons(report: TargetReport) -> dict[str, str]:
    return {f.node.operator.kind: f.reason for f in report.fallbacks}


def test_fallbacks_are_the_runtimes_when_the_target_is_the_cpu() -> None:
    model = layers()
    z = value("z", [1, 4, 8], "INT8", 0.1)
    model.main.operators.append(new_operator("GELU", list(model.main.outputs), [z]))
    model.main.outputs[:] = [z]
    report = assess(model, Target.CPU)
    assert report.basis is Basis.TRIED
    assert (report.operators, report.partitions) == (3, 1)
    with Prober() as prober:
        for number, operator in enumerate(model.main.operators):
            taken = bool(prober.prepare(cut([operator]).model).delegated)
            assert taken is (number not in {f.node.number for f in report.fallbacks})
    assert reasons(report) == {"GELU": "takes it in FLOAT32, but not in INT8"}


def test_every_operator_in_between_is_taken_when_pieces_are_several() -> None:
    """Two pieces around an operator that the delegate has not."""
    x, y = value("x", [4, 4]), value("y", [4, 4])
    a, b, c = value("a", [4, 4]), value("b", [4, 4]), value("c", [4, 4])
    model = model_of(
        [x],
        [y],
        [
            new_operator("MUL", [x, x], [a], fusedActivationFunction=0),
            new_operator("SIGN", [a], [b]),
            new_operator("ABS", [b], [c]),
            new_operator("MUL", [c, a], [y], fusedActivationFunction=0),
        ],
    )
    report = assess(model, Target.CPU)
    assert report.partitions == 2
    assert [f.node.operator.kind for f in report.fallbacks] == ["SIGN"]


def test_refusal_is_told_when_the_model_cannot_be_prepared() -> None:
    report = assess(FIXTURES["ES010"].build(), Target.CPU)
    assert not report.is_good
    assert "batch_matmul.cc" in report.refusal


def test_everything_is_taken_when_vela_compiles_it() -> None:
    report = assess(layers(), Target.ETHOS_U85)
    assert report.is_good
    assert report.basis is Basis.COMPILED
    assert report.partitions == 1
    estimate = report.estimate
    assert estimate is not None
    assert estimate.accelerator == "Ethos-U85-256"
    assert estimate.macs >= 2 * 4 * 8 * 8
    assert min(estimate.cycles, estimate.latency_ms, estimate.weights_bytes) > 0


def test_velas_reason_is_given_when_a_constant_has_a_scale_per_channel() -> None:
    report = assess(layers(per_channel=True), Target.ETHOS_U85)
    assert [f.node.number for f in report.fallbacks] == [1]
    assert "per-axis" in reasons(report)["BATCH_MATMUL"]


def test_all_operators_fall_back_when_vela_gets_floats() -> None:
    x, y = value("x", [1, 4, 4, 2]), value("y", [1, 4, 4, 2])
    model = model_of([x], [y], [new_operator("MUL", [x, x], [y], fusedActivationFunction=0)])
    report = assess(model, Target.ETHOS_U85)
    assert "Float32" in reasons(report)["MUL"]
    assert "t0" not in reasons(report)["MUL"]  # our own name of a tensor


def test_nodes_are_told_apart_when_tensors_share_a_name() -> None:
    x, y = value("same", [1, 4, 4, 2]), value("same", [1, 4, 4, 2])
    middle = value("same", [1, 4, 4, 2])
    operators = [new_operator("RELU", [x], [middle]), new_operator("RELU", [middle], [y])]
    report = assess(model_of([x], [y], operators), Target.ETHOS_U85)
    assert [f.node.number for f in report.fallbacks] == [0, 1]


def test_sizes_are_listed_when_there_is_no_such_ethos() -> None:
    with pytest.raises(UsageError, match="128, 256, 512, 1024, 2048"):
        assess(layers(), Target.ETHOS_U85, macs=300)


def test_extra_is_named_when_vela_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"needs the extra \[npu\]: install it with"):
        assess(layers(), Target.ETHOS_U85)


def test_error_says_what_to_do_when_vela_takes_too_long() -> None:
    with pytest.raises(ProbeError, match="--timeout"):
        assess(layers(), Target.ETHOS_U85, timeout_s=0.01)


def test_velas_words_are_passed_on_when_it_gives_up() -> None:
    x, y = value("x", [2, 3], "INT8", 0.1), value("y", [7], "INT8", 0.1)
    model = model_of([x], [y], [reshape(x, y)])  # loses an element more than it has
    with pytest.raises(ModelError, match="Vela cannot compile this model"):
        assess(model, Target.ETHOS_U85)


@pytest.mark.parametrize("target", [Target.GPU, Target.NPU])
def test_rules_say_so_when_there_is_no_hardware(target: Target) -> None:
    report = assess(layers(), target)
    assert report.is_good
    assert report.basis is Basis.RULES
    assert report.partitions is None


@pytest.mark.parametrize(
    ("target", "model", "reason"),
    [
        ("gpu", lambda: unary("RELU", [1, 1, 2, 2, 3]), "rank 5, takes up to 4"),
        ("npu", lambda: unary("RELU", [2]), "FLOAT32 values"),
        ("gpu", lambda: unary("RELU", [2], "INT16"), "INT16 values"),
        ("npu", lambda: unary("RELU", [2], "INT16"), None),
        ("gpu", lambda: unary("ROUND", [2]), "no ROUND"),
        ("gpu", lambda: unary("RELU", [1, 1, 2, 2, 3], "INT16"), "rank 5, .*; INT16 values"),
    ],
)
def test_reason_is_the_rule_when_an_operator_breaks_it(
    target: str, model: Any, reason: str | None
) -> None:
    report = assess(model(), Target(target))
    assert report.is_good is (reason is None)
    if reason is not None:
        (found,) = report.fallbacks
        assert re.fullmatch(reason, found.reason)


def unary(kind: str, shape: list[int], dtype: str = "FLOAT32") -> Model:
    scale = None if dtype == "FLOAT32" else 0.1
    x, y = value("x", shape, dtype, scale), value("y", shape, dtype, scale)
    return model_of([x], [y], [new_operator(kind, [x], [y])])
