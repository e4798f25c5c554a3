"""From readings to figures, and from one report to the next."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from edgeseal.errors import ModelError, UsageError
from edgeseal.watermark.evaluate import (
    ALL,
    Evaluation,
    EvaluationReport,
    compare_with_baseline,
    summarize,
)
from watermark.evaluate.conftest import BITS, ORIGIN, PICTURES, make_plan_of, make_records

MODELS = {"float": "float32", "integer": "dynamic-int8"}


def made(shares: dict[str, float], *, seed: int = 0) -> EvaluationReport:
    plan = make_plan_of(MODELS, "quick")
    records = tuple(make_records(plan, shares, seed=seed))
    return summarize(plan, Evaluation(records, (), 0), ORIGIN)


def changed(report: EvaluationReport, model: str, attack: int, bits: int) -> EvaluationReport:
    """Let a model read some bits less after an attack (after all for -1)."""

    def lowered(counts: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(
            count - bits if attack in (-1, index) else count for index, count in enumerate(counts)
        )

    records = tuple(
        dataclasses.replace(
            record,
            matching={
                name: lowered(counts) if name == model else counts
                for name, counts in (record.matching or {}).items()
            },
        )
        for record in report.records
    )
    return dataclasses.replace(report, records=records)


def test_report_is_the_same_when_it_went_through_json(report: EvaluationReport) -> None:
    assert EvaluationReport.from_json(json.dumps(report.to_json())) == report


def test_report_is_refused_when_a_field_is_missing(report: EvaluationReport) -> None:
    record = json.loads(json.dumps(report.to_json()))
    del record["results"][1]["overall"]["bit_accuracy"]
    with pytest.raises(UsageError, match=r"results\[1\].overall: lacks bit_accuracy"):
        EvaluationReport.from_json(json.dumps(record))


def test_difference_has_no_width_when_models_read_alike() -> None:
    report = made({"float": 0.9, "integer": 0.9})
    same = tuple(
        dataclasses.replace(record, matching={n: (record.matching or {})["float"] for n in MODELS})
        for record in report.records
    )
    again = summarize(make_plan_of(MODELS, "quick"), Evaluation(same, (), 0), ORIGIN)
    for difference in again.differences:
        points = difference.points
        assert (points.value, points.low, points.high) == (0, 0, 0)


def test_difference_is_paired_when_pictures_vary_more_than_models() -> None:
    plan = make_plan_of(MODELS, "quick")
    rng = np.random.default_rng(0)
    records = []
    for record in make_records(plan, {"float": 0.9, "integer": 0.9}):
        level = int(rng.integers(20, 60))
        counts = tuple([level] * len(plan.settings.attacks))
        lower = tuple(count - 1 for count in counts)
        records.append(dataclasses.replace(record, matching={"float": counts, "integer": lower}))
    report = summarize(plan, Evaluation(tuple(records), (), 0), ORIGIN)
    points = next(one.points for one in report.differences if one.attack == ALL)
    assert points.low == pytest.approx(points.high) == pytest.approx(-100 / BITS)
    overall = report.result("float").overall.bit_accuracy
    assert overall.high - overall.low > 0.05


def test_unmarked_pictures_are_found_when_the_detector_leans() -> None:
    """A detector that reads one message into every picture takes all for marked with it."""
    plan = make_plan_of({"float": "float32"}, "quick")
    records = make_records(plan, {"float": 0.9})
    message = records[0].message
    stuck = tuple(
        dataclasses.replace(r, message=message, unmarked={"float": message}) for r in records
    )
    report = summarize(plan, Evaluation(stuck, (), 0), ORIGIN)
    result = report.results[0]
    assert result.unmarked_accuracy == 1
    assert result.unmarked_spread == pytest.approx(np.sqrt(BITS))
    assert result.rates[0].measured.value == 1
    assert not result.rates[0].agrees


def test_stated_rate_agrees_when_unmarked_pictures_are_fair() -> None:
    report = made({"float": 0.9, "integer": 0.9})
    for result in report.results:
        assert sum(result.unmarked_counts) == PICTURES**2
        assert 0.8 < result.unmarked_spread < 1.2
        assert all(rate.agrees for rate in result.rates)


def test_summary_is_refused_when_no_picture_was_evaluated() -> None:
    plan = make_plan_of(MODELS, "quick")
    with pytest.raises(ModelError, match="no picture could be evaluated"):
        summarize(plan, Evaluation((), (), 0), ORIGIN)


def test_nothing_is_worse_when_the_report_is_its_own_baseline() -> None:
    report = made({"float": 0.9, "integer": 0.8})
    found = compare_with_baseline(report, report, max_drop=0)
    assert len(found) == 2 * (1 + len(report.attack_names))
    assert not any(one.is_worse for one in found)
    assert all(one.is_paired and one.drop.value == 0 for one in found)


def test_model_is_worse_when_it_reads_one_bit_less_everywhere() -> None:
    report = made({"float": 0.9, "integer": 0.8})
    now = changed(report, "integer", -1, 1)
    found = {
        (one.model, one.attack): one for one in compare_with_baseline(now, report, max_drop=0.1)
    }
    assert found["integer", ALL].is_worse
    assert found["integer", ALL].drop.value == pytest.approx(100 / BITS)
    assert not found["float", ALL].is_worse
    assert not any(one.is_worse for one in compare_with_baseline(now, report, max_drop=1.6))


def test_attack_is_named_when_only_that_one_is_worse() -> None:
    report = made({"float": 0.9, "integer": 0.8})
    now = changed(report, "integer", 3, 1)  # a sixteenth of a bit over all attacks
    worse = [one for one in compare_with_baseline(now, report, max_drop=0.1) if one.is_worse]
    assert [(one.model, one.attack) for one in worse] == [("integer", report.attack_names[3])]


def test_comparison_is_unpaired_when_the_pictures_are_others() -> None:
    report, other = (made({"float": 0.9, "integer": 0.8}, seed=seed) for seed in (0, 1))
    found = compare_with_baseline(report, other, max_drop=5)
    assert not any(one.is_paired for one in found)
    assert found[0].drop.high > found[0].drop.low
