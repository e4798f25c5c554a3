"""Rules are held against every operator, and the CPU's reasons are found by trying."""

from __future__ import annotations

import numpy as np
import pytest

from edgeseal.tflite.graph import Blockwise, Model, Operator, Tensor, new_operator
from edgeseal.tflite.targets import Target, assess, rules_of
from edgeseal.tflite.targets._delegate import _Explainer, _one_scale, _signature
from edgeseal.tflite.targets._rules import _GPU_KINDS, _NPU_KINDS
from edgeseal.tflite.workers import Outcome, Status
from graphs import constant, model_of, value

TYPES = {
    Target.GPU: ("FLOAT32", "FLOAT16", "INT8", "UINT8"),
    Target.NPU: ("INT8", "UINT8", "INT16"),
}


def unary(kind: str, dtype: str = "INT8", shape: tuple[int, ...] = (1, 4)) -> Operator:
    scale = None if dtype.startswith(("FLOAT", "BOOL")) else 0.1
    ends = [value(name, shape, dtype, scale) for name in "xy"]
    return new_operator(kind, ends[:1], ends[1:])


@pytest.mark.parametrize("target", [Target.GPU, Target.NPU])
def test_known_operators_are_taken_when_types_and_ranks_fit(target: Target) -> None:
    rules = rules_of(target)
    for kind in rules.kinds:
        for dtype in TYPES[target]:
            assert rules.refusal(unary(kind, dtype)) == "", (kind, dtype)


@pytest.mark.parametrize("target", [Target.GPU, Target.NPU])
@pytest.mark.parametrize("dtype", ["FLOAT32", "FLOAT16", "INT16", "INT32", "INT64", "FLOAT64"])
def test_values_are_refused_when_their_type_is_not_taken(target: Target, dtype: str) -> None:
    refusal = rules_of(target).refusal(unary("ABS", dtype))
    assert refusal == ("" if dtype in TYPES[target] else f"{dtype} values")


@pytest.mark.parametrize("target", [Target.GPU, Target.NPU])
@pytest.mark.parametrize("rank", range(7))
def test_ranks_above_four_are_refused_when_a_value_has_them(target: Target, rank: int) -> None:
    refusal = rules_of(target).refusal(unary("ABS", shape=(1,) * rank))
    assert refusal == (f"rank {rank}, takes up to 4" if rank > 4 else "")


@pytest.mark.parametrize("target", [Target.GPU, Target.NPU])
def test_constants_may_be_of_any_type_when_values_fit(target: Target) -> None:
    x, y = value("x", [1, 4], "INT8", 0.1), value("y", [4], "INT8", 0.1)
    shape = constant("shape", [4])
    assert rules_of(target).refusal(new_operator("RESHAPE", [x, shape], [y])) == ""


def test_truth_values_pass_where_they_are_made_and_used() -> None:
    rules = rules_of(Target.GPU)
    a, b = value("a", [4], "INT8", 0.1), value("b", [4], "INT8", 0.1)
    mask, y = value("mask", [4], "BOOL"), value("y", [4], "INT8", 0.1)
    assert rules.refusal(new_operator("LESS", [a, b], [mask])) == ""
    assert rules.refusal(new_operator("SELECT_V2", [mask, a, b], [y])) == ""
    assert rules.refusal(new_operator("LOGICAL_AND", [mask, mask], [mask])) == ""
    assert rules.refusal(new_operator("ABS", [mask], [mask])) == "BOOL values"


def test_indices_pass_where_they_are_used() -> None:
    rules = rules_of(Target.NPU)
    table, y = value("table", [9, 4], "INT8", 0.1), value("y", [2, 4], "INT8", 0.1)
    index, far = value("index", [2], "INT32"), value("far", [1], "INT64")
    assert rules.refusal(new_operator("GATHER", [table, index], [y])) == ""
    assert rules.refusal(new_operator("ARG_MAX", [table, constant("axis", [0])], [far])) == ""
    assert rules.refusal(new_operator("ABS", [index], [index])) == "INT32 values"


def test_every_reason_is_given_once_when_several_values_have_it() -> None:
    x, y = (value(name, (1, 1, 1, 1, -1), "INT16", 0.1) for name in "xy")
    refusal = rules_of(Target.GPU).refusal(new_operator("ADD", [x, x], [y]))
    assert refusal == "rank 5, takes up to 4; shape not known before running; INT16 values"


def test_custom_operator_is_refused_when_its_name_is_a_known_one() -> None:
    custom = Operator("ABS", *([value("x", [4])], [value("y", [4])]), is_custom=True)
    assert rules_of(Target.GPU).refusal(custom) == "no ABS"


def test_blocks_of_weights_are_refused_when_each_has_a_scale() -> None:
    x, y = value("x", [1, 8]), value("y", [1, 4])
    weights = constant("w", np.zeros((4, 8), np.int8))
    weights.blockwise = Blockwise(constant("s", np.ones((4, 2), np.float16)), None, 4)
    refusal = rules_of(Target.GPU).refusal(new_operator("FULLY_CONNECTED", [x, weights, None], [y]))
    assert refusal == "a scale for every block of weights"


def test_lists_name_real_operators_once() -> None:
    for listed in (_GPU_KINDS.split(), _NPU_KINDS.split()):
        assert listed == sorted(set(listed), key=listed.index)
        for kind in listed:
            assert new_operator(kind, [], []).kind == kind


def test_fallbacks_are_counted_by_kind_and_reason_when_reported() -> None:
    tensors = [value(f"t{index}", [1, 4]) for index in range(6)]
    kinds = ["ROUND", "ABS", "ROUND", "CEIL", "ROUND"]
    operators = [
        new_operator(kind, [one], [other])
        for kind, one, other in zip(kinds, tensors, tensors[1:], strict=False)
    ]
    report = assess(model_of(tensors[:1], tensors[-1:], operators), Target.GPU)
    assert report.groups() == [("ROUND", "no ROUND", 3), ("CEIL", "no CEIL", 1)]
    assert [found.node.number for found in report.fallbacks] == [0, 2, 3, 4]
    assert not report.is_good and report.operators == 5


class Judge:
    """A prober that takes what a test lets it take."""

    def __init__(self, takes: object) -> None:
        self.takes = takes
        self.tried: list[Model] = []

    def prepare(self, model: Model) -> Outcome:
        self.tried.append(model)
        taken = bool(self.takes(model.main.operators[0]))
        return Outcome(Status.PREPARED, delegated=int(taken))


def linear(*, per_channel: bool = False) -> Operator:
    x, y = value("x", [1, 4], "INT8", 0.1), value("y", [1, 3], "INT8", 0.1)
    scales = [0.1, 0.2, 0.3] if per_channel else [0.1]
    weights = constant("w", np.ones((3, 4), np.int8), scale=scales)
    return new_operator("FULLY_CONNECTED", [x, weights, None], [y])


def is_float(operator: Operator) -> bool:
    return operator.outputs[0].dtype == "FLOAT32"


def has_one_scale(operator: Operator) -> bool:
    weights = operator.inputs[1]
    assert weights is not None
    return weights.quantization is not None and weights.quantization.scale.size == 1


@pytest.mark.parametrize(
    ("takes", "per_channel", "reason"),
    [
        (lambda operator: True, False, "takes it alone, but not in this place of the model"),
        (is_float, False, "takes it in FLOAT32, but not in INT8"),
        (
            lambda one: has_one_scale(one) and not is_float(one),
            True,
            "takes it with one scale per constant, but not with one per channel",
        ),
        (lambda operator: False, True, "whether in INT8 or in FLOAT32"),
    ],
)
def test_reason_is_what_the_delegate_takes_instead_when_tried(
    takes: object, per_channel: bool, reason: str
) -> None:
    judge = Judge(takes)
    assert _Explainer(judge).reason(linear(per_channel=per_channel)).endswith(reason)


def test_operators_are_tried_once_when_they_are_alike() -> None:
    judge = Judge(is_float)
    explain = _Explainer(judge)
    reasons = {explain.reason(linear()) for _ in range(3)}
    assert len(reasons) == 1 and len(judge.tried) == 2
    assert _signature(linear()) == _signature(linear())
    assert _signature(linear()) != _signature(linear(per_channel=True))


@pytest.mark.parametrize("what", ["custom", "dynamic", "nothing"])
def test_nothing_is_tried_when_the_reason_is_plain(what: str) -> None:
    judge = Judge(lambda operator: True)
    operator = unary("ABS", "FLOAT32", (-1, 4) if what == "dynamic" else (1, 4))
    if what == "custom":
        operator.is_custom = True
    if what == "nothing":
        operator.outputs.clear()
    reason = _Explainer(judge).reason(operator)
    expected = "the result's shape is known only while running"
    assert reason == (expected if what == "dynamic" else "no ABS in the delegate")
    assert not judge.tried


def test_first_scale_is_kept_when_a_constant_is_narrowed() -> None:
    operator = linear(per_channel=True)
    narrowed = _one_scale(operator)
    assert narrowed is not None and narrowed.inputs[1] is not None
    assert narrowed.inputs[1].quantization.scale.tolist() == [np.float32(0.1)]
    assert narrowed.inputs[2] is None
    before: Tensor | None = operator.inputs[1]
    assert before is not None and before.quantization.scale.size == 3
    assert _one_scale(linear()) is None
