"""What is said of a device's verdict, which of two is better, and when values are right."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeseal.tflite.devices import DeviceReport, DeviceResult, Verdict
from edgeseal.tflite.devices._device_report import WrongOperator
from edgeseal.tflite.devices._rightness import MOST_NSR, equal_signs, error_of, is_wrong
from edgeseal.tflite.devices._trial import Refusal
from edgeseal.tflite.metrics import TensorError
from graphs import value


def error(nsr: float | None, *, not_finite: int = 0) -> TensorError:
    """The error of values of energy 1, all of it in one of them."""
    kind = value("y", [1, 2])
    wanted = np.array([[1.0, 0.0]])
    got = wanted + np.array([[0.0, np.sqrt(nsr or 0.0)]])
    if not_finite:
        got[:] = np.nan
    return error_of([got], [wanted], kind)


def result(verdict: Verdict, **changes: Any) -> DeviceResult:
    known: dict[str, Any] = {
        "device": "odd",
        "title": "an odd device",
        "message": "",
        "operators": 12,
        "refusals": (),
        "pieces": 0,
        "error": None,
        "signs": None,
        "tried": 0,
        "wrong": (),
    }
    return DeviceResult(verdict=verdict, **known | changes)


def wrong(count: int) -> tuple[WrongOperator, ...]:
    return tuple(WrongOperator("ES029", n, "ADD", f"y{n}", error(0.5)) for n in range(count))


RESULTS = st.builds(
    lambda verdict, refused, pieces, faults, nsr: result(
        verdict,
        refusals=(Refusal("ADD", count=refused),) if verdict is Verdict.REFUSED else (),
        pieces=pieces,
        wrong=wrong(faults) if verdict is Verdict.WRONG else (),
        error=None if nsr is None else error(nsr),
        tried=3,
    ),
    st.sampled_from(Verdict),
    st.integers(0, 2),
    st.integers(0, 2),
    st.integers(0, 2),
    st.sampled_from([None, 1e-4, 1e-3, 0.1, 1.0]),
)


@given(RESULTS, RESULTS)
def test_only_one_of_two_verdicts_is_better(first: DeviceResult, second: DeviceResult) -> None:
    assert not first.is_better_than(first)
    assert not (first.is_better_than(second) and second.is_better_than(first))
    if first.is_good and not second.is_good:
        assert first.is_better_than(second)


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        (result(Verdict.RIGHT, pieces=3), result(Verdict.WRONG, pieces=1)),
        (result(Verdict.RIGHT, pieces=1), result(Verdict.RIGHT, pieces=2)),
        (result(Verdict.WRONG, error=error(0.1)), result(Verdict.WRONG, error=error(0.3))),
        (result(Verdict.WRONG, wrong=wrong(1)), result(Verdict.WRONG, wrong=wrong(2))),
        (result(Verdict.WRONG), result(Verdict.REFUSED)),
        (result(Verdict.REFUSED), result(Verdict.FAILED)),
        (
            result(Verdict.REFUSED, refusals=(Refusal("ADD"),)),
            result(Verdict.REFUSED, refusals=(Refusal("ADD", count=2),)),
        ),
    ],
)
def test_what_serves_a_user_more_is_better(better: DeviceResult, worse: DeviceResult) -> None:
    assert better.is_better_than(worse)
    assert not worse.is_better_than(better)


def test_little_less_error_is_no_better() -> None:
    first, second = (result(Verdict.WRONG, error=error(nsr)) for nsr in (0.2, 0.3))
    assert not first.is_better_than(second)
    unknown = result(Verdict.WRONG)
    assert not first.is_better_than(unknown)
    assert not unknown.is_better_than(first)


def test_everything_is_said_when_a_device_refuses_some_and_computes_others_wrong() -> None:
    found = result(
        Verdict.REFUSED,
        refusals=(Refusal("CUMSUM", "no kernel", 2), Refusal("ROUND")),
        pieces=1,
        error=error(0.25),
        signs=0.75,
        tried=5,
        wrong=wrong(1),
        message="line one\n  line two",
    )
    assert str(found).splitlines() == [
        "odd: not taken whole (an odd device)",
        "  3 of 12 operators refused, in 1 piece",
        f"  whole model against the processor: NSR {found.error} (limit 0.01), signs 0.7500",
        "  1 of 5 operators wrong, each on its own values",
        f"    ES029 node 0 ADD (y0): NSR {error(0.5)}",
        "    2 x CUMSUM: no kernel",
        "    1 x ROUND",
        "  says: line one line two",
    ]
    assert found.summary == (
        f"not taken whole, 3 refused, 1 of 5 operators wrong, NSR {found.error}"
    )


def test_some_are_shown_and_all_are_listed_when_many_are_wrong(tmp_path: Path) -> None:
    found = result(Verdict.WRONG, wrong=wrong(7), refusals=(Refusal("ADD"),) * 4, tried=9, pieces=2)
    lines = str(found).splitlines()
    assert "    and 3 more; --json lists them all" in lines
    assert len([line for line in lines if line.startswith("    ")]) == 9
    report = DeviceReport(tmp_path / "m.tflite", (result(Verdict.RIGHT), found))
    assert not report.is_good
    assert str(report).split("\n\n") == [str(one) for one in report.results]
    record = json.loads(json.dumps(report.to_json(), allow_nan=False))
    assert [one["verdict"] for one in record["devices"]] == ["right", "wrong"]
    assert len(record["devices"][1]["wrong"]) == 7
    assert len(record["devices"][1]["refusals"]) == 4


@pytest.mark.parametrize("verdict", Verdict)
def test_line_is_short_when_nothing_more_is_known(verdict: Verdict) -> None:
    found = result(verdict)
    assert str(found) == f"odd: {verdict.value} (an odd device)"
    assert found.is_good == (verdict in (Verdict.RIGHT, Verdict.TAKEN))
    assert found.summary == f"{verdict.value}, 0 refused"


def test_error_is_wrong_above_the_limit_or_when_it_is_no_number() -> None:
    plain = value("y", [1, 2])
    assert not is_wrong(error(0.99 * MOST_NSR), plain)
    assert is_wrong(error(1.01 * MOST_NSR), plain)
    assert is_wrong(error(0.0, not_finite=1), plain)
    zeros = [np.zeros((1, 2), np.float32)]
    assert not is_wrong(error_of(zeros, zeros, plain), plain)
    assert is_wrong(error_of([zeros[0] + 1], zeros, plain), plain)  # by nothing to compare with


@pytest.mark.parametrize(("steps", "expected"), [(0, False), (1, False), (2, True)])
def test_integers_may_be_a_step_off_however_small_they_are(steps: int, expected: bool) -> None:
    kind = value("y", [1, 4], "INT8", scale=0.125, zero=-5)
    wanted = np.full((1, 4), -4, np.int8)
    found = error_of([wanted + np.int8(steps)], [wanted], kind)
    assert found.max_abs == steps * 0.125
    assert is_wrong(found, kind) is expected


@given(
    st.lists(st.lists(st.integers(-4, 4), min_size=3, max_size=3), min_size=1, max_size=4),
    st.randoms(use_true_random=False),
)
def test_equal_signs_are_counted_over_all_samples(rows: list[list[int]], random: Any) -> None:
    kind = value("y", [3])
    wanted = np.array(rows, np.float32)
    got = wanted.copy()
    got.flat[random.randrange(got.size)] *= -1
    share = equal_signs(list(got), list(wanted), kind)
    if (wanted > 0).all() or not (wanted > 0).any():
        assert share is None
    else:
        assert share == pytest.approx(((got > 0) == (wanted > 0)).mean())


def test_signs_are_unknown_when_an_output_is_text() -> None:
    words = [np.array([b"a"], object)]
    assert equal_signs(words, words, value("y", [1], "STRING")) is None
