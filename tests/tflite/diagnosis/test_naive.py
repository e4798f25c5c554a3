"""The files that users have: every failing node is named, with its cause, in one report."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeseal.tflite.diagnosis import CheckReport, Level, check_file
from edgeseal.tflite.graph import Operator, read_model
from naive import naive_dynamic, naive_float, naive_int16


def errors(report: CheckReport) -> dict[str, list[Operator]]:
    return {
        finding.code: [node.operator for node in finding.nodes]
        for finding in report.findings
        if finding.level is Level.ERROR
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("naive")


@pytest.fixture(scope="module")
def float_file(folder: Path) -> Path:
    return naive_float(folder)


def test_nothing_fails_when_the_model_is_float(float_file: Path) -> None:
    report = check_file(float_file)
    assert report.is_good
    assert report.prepares
    assert report.runs


def test_exactly_the_products_with_int8_left_fail_when_dynamic_int8_is_naive(
    float_file: Path,
) -> None:
    path = naive_dynamic(float_file)
    left = [
        operator.outputs[0].name
        for operator in read_model(path).operators()
        if operator.kind == "BATCH_MATMUL" and operator.inputs[0].dtype == "INT8"
    ]
    found = errors(check_file(path))
    assert list(found) == ["ES010"]
    assert [operator.outputs[0].name for operator in found["ES010"]] == left
    assert len(left) == 6  # three blocks, height and width


def test_both_causes_are_named_when_int16_is_naive(folder: Path) -> None:
    found = errors(check_file(naive_int16(folder)))
    assert {
        code: [operator.kind for operator in operators] for code, operators in found.items()
    } == {
        "ES010": ["BATCH_MATMUL"],
        "ES011": ["SUB"],
    }
