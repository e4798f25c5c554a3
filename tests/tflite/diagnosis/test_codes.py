"""Every code has a fixture that shows it, and its section on the page."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeseal.tflite.devices import TAKEN_AND_WRONG
from edgeseal.tflite.diagnosis import CODES, CheckReport, Level, check_file, codes_page
from edgeseal.tflite.graph import write_model
from tflite.diagnosis.fixtures import FIXTURES

HERE = [code for code in CODES if code != TAKEN_AND_WRONG]  # tests/tflite/devices has that one


def report_on(code: str, folder: Path) -> CheckReport:
    fixture = FIXTURES[code]
    path = folder / f"{code}.tflite"
    write_model(fixture.build(), path)
    return check_file(path, samples=fixture.samples, timeout_s=fixture.timeout_s)


@pytest.mark.parametrize("code", HERE)
def test_code_is_found_when_its_fixture_is_checked(code: str, tmp_path: Path) -> None:
    report = report_on(code, tmp_path)
    found = [finding for finding in report.findings if finding.code == code]
    assert found, [(finding.code, finding.message) for finding in report.findings]
    kinds = [node.operator.kind for finding in found for node in finding.nodes]
    assert tuple(kinds) == FIXTURES[code].kinds


@pytest.mark.parametrize("code", HERE)
def test_no_other_error_is_found_when_a_fixture_is_checked(code: str, tmp_path: Path) -> None:
    report = report_on(code, tmp_path)
    errors = {finding.code for finding in report.findings if finding.level is Level.ERROR}
    assert errors - {code} <= FIXTURES[code].also


def test_page_is_up_to_date() -> None:
    page = Path(__file__).parents[3] / "docs" / "findings.md"
    assert page.read_text() == codes_page(), "run edgeseal check --codes > docs/findings.md"
