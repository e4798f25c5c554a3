"""Reports that cannot be compared, and figures of single pictures by hand."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from edgeseal.errors import FileError, OutputExistsError, UsageError
from edgeseal.watermark.evaluate import (
    ALL,
    Evaluation,
    EvaluationReport,
    compare_with_baseline,
    summarize,
)
from edgeseal.watermark.evaluate.attacks import Attack, AttackStep
from edgeseal.watermark.evaluate.report._baseline import check_baseline
from edgeseal.watermark.evaluate.report._chart import Axis, Frame, drawing, label, mark
from edgeseal.watermark.evaluate.report._report import read_report, write_report
from watermark.evaluate.conftest import BITS, ORIGIN, make_plan_of, make_records

MODELS = {"float": "float32", "integer": "dynamic-int8"}
SHARES = {"float": 0.95, "integer": 0.85}


def made(
    models: dict[str, str] = MODELS, attacks: str = "quick", seed: int = 0
) -> EvaluationReport:
    plan = make_plan_of(models, attacks)
    records = make_records(plan, {name: SHARES.get(name, 0.7) for name in models}, seed=seed)
    return summarize(plan, Evaluation(tuple(records), (), 0), ORIGIN)


@pytest.fixture(scope="module")
def quick() -> EvaluationReport:
    return made()


@pytest.mark.parametrize("max_drop", [-1.0, float("nan")])
def test_comparison_is_refused_when_the_drop_means_nothing(
    max_drop: float, quick: EvaluationReport
) -> None:
    with pytest.raises(UsageError, match=f"expected 0 or more, got {max_drop:g}"):
        compare_with_baseline(quick, quick, max_drop=max_drop)


def test_models_of_the_baseline_are_listed_when_none_is_common(quick: EvaluationReport) -> None:
    with pytest.raises(UsageError, match="none of these models; it has x, y; name them alike"):
        compare_with_baseline(quick, made({"x": "float32", "y": "float16"}), max_drop=0)


def test_everything_is_listed_when_a_plan_does_not_fit_its_baseline(
    quick: EvaluationReport,
) -> None:
    bare = dataclasses.replace(quick, records=())
    plan = make_plan_of({"other": "float32"}, "quick")
    attacks = (Attack((AttackStep("rotate", 77),)),)
    settings = dataclasses.replace(plan.settings, attacks=attacks)
    plan = dataclasses.replace(plan, settings=settings)
    with pytest.raises(UsageError) as caught:
        check_baseline(bare, plan, max_drop=-1)
    assert len(str(caught.value).splitlines()) == 4
    check_baseline(quick, make_plan_of(MODELS, "full"), max_drop=0)


def test_only_common_attacks_are_compared_when_sets_differ(quick: EvaluationReport) -> None:
    full = made(attacks="full", seed=1)  # of other messages
    found = [one for one in compare_with_baseline(full, quick, max_drop=0) if one.model == "float"]
    common = [name for name in full.attack_names if name in quick.attack_names]
    assert [one.attack for one in found] == [ALL, *common]
    # Oracle: means over the pictures, of the columns of that name in each report.
    for one in found[1:]:
        means = []
        for report in (quick, full):
            column = report.attack_names.index(one.attack)
            counts = [record.matching["float"][column] for record in report.marked]
            means.append(100 * np.mean(counts) / BITS)
        assert one.drop.value == pytest.approx(means[0] - means[1])
    assert found[0].drop.value == pytest.approx(np.mean([one.drop.value for one in found[1:]]))


def test_only_common_pictures_are_compared_when_there_are_some(quick: EvaluationReport) -> None:
    fewer = dataclasses.replace(quick, records=quick.records[3:8])
    found = compare_with_baseline(quick, fewer, max_drop=0)
    assert {one.pictures for one in found} == {5}
    assert all(one.is_paired and one.drop.value == 0 for one in found)


def test_figures_are_those_of_the_counts_when_computed_by_hand(quick: EvaluationReport) -> None:
    for result in quick.results:
        counts = np.array([record.matching[result.model] for record in quick.marked])
        assert result.overall.bit_accuracy.value == pytest.approx(counts.mean() / BITS)
        for column, one in enumerate(result.attacks):
            assert one.attack == quick.attack_names[column]
            assert one.bit_accuracy.value == pytest.approx(counts[:, column].mean() / BITS)
            assert one.word_accuracy.value == pytest.approx((counts[:, column] == BITS).mean())
            assert one.bit_accuracy.low <= one.bit_accuracy.value <= one.bit_accuracy.high
            shares = [found.share.value for found in one.detections]
            assert shares == sorted(shares, reverse=True)  # a stricter rate finds no more


def test_unmarked_pictures_are_counted_once_for_each_message(quick: EvaluationReport) -> None:
    for result in quick.results:
        counts = np.array(result.unmarked_counts)
        assert len(counts) == BITS + 1
        mean = counts @ np.arange(BITS + 1) / counts.sum()
        assert result.unmarked_accuracy == pytest.approx(mean / BITS)


def test_report_comes_back_when_written(quick: EvaluationReport, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    write_report(quick, path)
    assert read_report(path) == quick
    with pytest.raises(OutputExistsError):
        write_report(quick, path)
    write_report(quick, path, overwrite=True)


@pytest.mark.parametrize(
    ("content", "error", "words"),
    [
        (None, FileError, r"report\.json: cannot be read \(No such file"),
        (b"\xff\xfe\x00", UsageError, r"report\.json: no JSON: "),
        (b"{", UsageError, r"report\.json: no JSON: "),
        (b"[]", UsageError, "expected a report of schema version 1, got None"),
        (b'{"schema_version": 2}', UsageError, "got 2; make it again"),
        (b'{"schema_version": 1}', UsageError, "report: lacks "),
    ],
)
def test_file_is_refused_when_it_is_no_report(
    content: bytes | None, error: type[Exception], words: str, tmp_path: Path
) -> None:
    path = tmp_path / "report.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(error, match=words):
        read_report(path)


@pytest.mark.parametrize("change", ["model", "count"])
def test_report_is_refused_when_its_readings_were_changed(
    change: str, quick: EvaluationReport
) -> None:
    record = json.loads(json.dumps(quick.to_json()))
    readings = record["records"][2]["matching"]
    if change == "model":
        readings["another"] = readings.pop("float")
    else:
        readings["float"].pop()
    with pytest.raises(UsageError, match=r"picture 2\.jpg: expected \d+ counts for each of"):
        EvaluationReport.from_json(json.dumps(record))


def test_places_are_even_when_an_axis_is_drawn() -> None:
    axis = Axis(0.0, 10.0, 100.0, 200.0)
    assert [axis.place(value) for value in (0, 2.5, 10)] == [100, 125, 200]


def test_texts_do_not_overlap_when_ticks_are_dense() -> None:
    frame = Frame(Axis(0.0, 100.0, 40.0, 440.0), Axis(0.0, 1.0, 200.0, 20.0))
    values = [float(value) for value in range(101)]
    drawn = frame.ticks(values, [f"{value:g}" for value in values])
    places = [float(found) for found in re.findall(r'x="([\d.]+)"', drawn)]
    assert 5 < len(places) < 40
    assert all(one - other >= 3.4 * 2 for one, other in zip(places[1:], places, strict=False))


def test_grid_has_a_line_and_a_text_for_each_value_when_drawn() -> None:
    frame = Frame(Axis(0.0, 1.0, 40.0, 440.0), Axis(0.0, 1.0, 200.0, 20.0))
    drawn = frame.grid([0.0, 0.5, 1.0], ["none", "half", "<all>"])
    assert re.findall(r"M40\.0 ([\d.]+)H440\.0", drawn) == ["200.0", "110.0", "20.0"]
    assert "&lt;all&gt;" in drawn


def test_drawing_is_xml_when_names_hold_markup() -> None:
    parts = [label("<b>&", 1, 2), *(mark(index, 5, 5, "<i>&\"'") for index in range(9))]
    svg = ElementTree.fromstring(drawing(10, 20, '<"title">', parts))
    assert svg.get("viewBox") == "0 0 10 20"
    assert svg.get("aria-label") == '<"title">'
    tips = [title.text for title in svg.iter("title")]
    assert tips == ["<i>&\"'"] * 9
    shapes = {(child.tag, len((child.get("points") or "").split())) for child in svg}
    assert {("circle", 0), ("polygon", 3), ("polygon", 4)} <= shapes
