"""The demo's gates: each is missed exactly when its figure is."""

from __future__ import annotations

import dataclasses

import pytest

from edgeseal.watermark.demo._result import DemoResult, DemoRow

GOOD = DemoResult(
    rows=(
        DemoRow("PyTorch", runs=True, bits={"clean": 1.0, "JPEG 75": 0.96}),
        DemoRow("stock", runs=True, size_mib=10, bits={"clean": 1.0, "JPEG 75": 0.96}),
        DemoRow("int8", runs=True, size_mib=2.9, bits={"clean": 0.999, "JPEG 75": 0.957}),
    ),
    psnr_db={"cat": 41.0, "cup": 40.2},
    versions={},
)


def changed(**integer: object) -> DemoResult:
    return dataclasses.replace(
        GOOD, rows=(*GOOD.rows[:2], dataclasses.replace(GOOD.rows[2], **integer))
    )


def test_demo_passes_when_every_gate_is_held() -> None:
    assert GOOD.is_good
    assert GOOD.to_json()["failures"] == []


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (dataclasses.replace(GOOD, psnr_db={"cat": 39.9, "cup": 41.0}), "PSNR of cat is 39.90"),
        (changed(runs=False, bits=None, error="div.cc"), "does not run: div.cc"),
        (changed(bits={"clean": 0.98, "JPEG 75": 0.99}), "98.00% of clean bits"),
        (changed(bits={"clean": 0.995, "JPEG 75": 0.957}), "loses 0.40 points"),
        (changed(size_mib=3.1), "31% of the float file"),
    ],
)
def test_demo_names_gate_when_it_is_missed(result: DemoResult, message: str) -> None:
    assert not result.is_good
    assert any(message in failure for failure in result.failures())


def test_table_says_cannot_run_when_a_detector_is_refused() -> None:
    refused = changed(runs=False, bits=None, error="div.cc")
    assert "cannot run" in list(refused.cells())[-1]
    assert "int8: cannot run" in str(refused)


def test_markdown_has_a_row_per_detector_when_written() -> None:
    assert [len(cells) for cells in GOOD.cells()] == [6] * 4  # fits a terminal
    lines = GOOD.markdown().splitlines()
    assert lines[0] == "| detector | MiB | x stock | ms | PSNR (dB) | clean | JPEG 75 |"
    assert lines[-1] == "| int8 | 2.90 |  |  | 40.2..41.0 | 99.90% | 95.70% |"
