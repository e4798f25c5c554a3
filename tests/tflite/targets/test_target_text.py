"""What is said of a model on a target, for people and for programs."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from edgeseal.tflite.diagnosis import Node
from edgeseal.tflite.graph import new_operator
from edgeseal.tflite.targets import Basis, Fallback, Target, TargetEstimate, TargetReport
from graphs import model_of, value


def report(reasons: list[str], **changes: Any) -> TargetReport:
    """A report of a chain of operators; an empty reason is one that is taken."""
    tensors = [value(f"t{place}", [1]) for place in range(len(reasons) + 1)]
    steps = itertools.pairwise(tensors)
    model = model_of(tensors[:1], tensors[-1:], [new_operator("ABS", [a], [b]) for a, b in steps])
    fallbacks = [
        Fallback(Node(operator, model.main, number, "block/abs"), reason)
        for number, (operator, reason) in enumerate(zip(model.main.operators, reasons, strict=True))
        if reason
    ]
    known: dict[str, Any] = {"target": Target.GPU, "basis": Basis.RULES, "source": "the rules"}
    return TargetReport(**known | changes, operators=len(reasons), fallbacks=tuple(fallbacks))


@pytest.mark.parametrize(
    ("reasons", "partitions", "expected"),
    [
        ([""], 1, "gpu: 1 of 1 operators in 1 piece, 0 fall back"),
        (["", "no", ""], 2, "gpu: 2 of 3 operators in 2 pieces, 1 fall back"),
        (["no", "no"], 0, "gpu: 0 of 2 operators, 2 fall back"),
        (["", ""], None, "gpu: 2 of 2 operators, 0 fall back"),
    ],
)
def test_line_counts_what_is_taken_and_in_how_many_pieces(
    reasons: list[str], partitions: int | None, expected: str
) -> None:
    found = report(reasons, partitions=partitions)
    assert str(found) == expected
    assert found.is_good == (not any(reasons))


def test_model_that_does_not_run_is_not_good_though_nothing_falls_back() -> None:
    found = report([""], refusal="in the runtime's words")
    assert not found.is_good
    assert json.loads(json.dumps(found.to_json()))["refusal"] == "in the runtime's words"


def test_record_names_every_operator_that_falls_back_and_the_estimate() -> None:
    estimate = TargetEstimate("ethos-u85-256", "a memory", 1000, 1.5, 77, 8, 9, 10)
    found = report(["", "why", "why", "else"], target=Target.ETHOS_U85, estimate=estimate)
    assert found.groups() == [("ABS", "why", 2), ("ABS", "else", 1)]
    record = json.loads(json.dumps(found.to_json()))
    assert [(one["number"], one["reason"]) for one in record["fallbacks"]] == [
        (1, "why"),
        (2, "why"),
        (3, "else"),
    ]
    assert record["fallbacks"][0]["outputs"] == ["t2"]
    assert record["fallbacks"][0]["module"] == "block/abs"
    assert record["estimate"]["latency_ms"] == 1.5
    assert record["estimate"]["weights_bytes"] == 10
    assert (record["target"], record["basis"], record["good"]) == ("ethos-u85", "rules", False)
