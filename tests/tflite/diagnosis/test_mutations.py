"""Damaged files end with findings or with one clear line; see also ``benchmarks/fuzz.py``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from edgeseal.tflite.diagnosis import CheckReport, Finding, check
from edgeseal.tflite.graph import Model, Quantization, new_operator, read_model, write_model
from edgeseal.tflite.probe import Prober
from graphs import constant, model_of, value
from mutations import Source, mutate
from tflite.diagnosis.fixtures import FIXTURES
from verdicts import Verdict, judge

ENDLESS = ("ES003", "ES004", "ES008")  # whose trials take long by design
FILES_EACH = 8


@pytest.fixture(scope="module")
def prober() -> Iterator[Prober]:
    with Prober(timeout_s=1.0, memory_limit_bytes=2 * 2**30) as shared:
        yield shared


def report_on(model: Model, folder: Path, prober: Prober) -> CheckReport:
    path = folder / "model.tflite"
    write_model(model, path)
    return check(read_model(path), path, prober)


def codes(report: CheckReport) -> list[str]:
    return [finding.code for finding in report.findings]


@pytest.mark.parametrize("code", [code for code in FIXTURES if code not in ENDLESS])
def test_check_ends_with_an_answer_when_a_file_is_damaged(
    code: str, tmp_path: Path, prober: Prober
) -> None:
    path = tmp_path / "sound.tflite"
    write_model(FIXTURES[code].build(), path)
    source = Source(path)
    damaged = tmp_path / "damaged.tflite"
    found: dict[str, Verdict] = {}
    for number in range(FILES_EACH):
        generator = np.random.default_rng([int(code[2:]), number])
        made = mutate(source, generator)
        if made is not None:
            damaged.write_bytes(made[1])
            found[f"{number}: {made[0]}"] = judge(damaged, prober)
            damaged.unlink()
    assert found
    assert not {what: verdict for what, verdict in found.items() if verdict.fault}


def test_operator_is_named_when_it_lacks_operands(tmp_path: Path, prober: Prober) -> None:
    x, y, z, w = (value(name, [1, 4]) for name in "xyzw")
    model = model_of(
        [x],
        [y, z, w],
        [
            new_operator("BATCH_MATMUL", [x], [y], adjX=False, adjY=False),
            new_operator("QUANTIZE", [], [z]),
            new_operator("BROADCAST_TO", [], [w]),
            new_operator("RESHAPE", [x], []),
            new_operator("DIV", [], [value("q", [1, 4])]),
        ],
    )
    report = report_on(model, tmp_path, prober)
    named = {node.operator.kind for finding in report.findings for node in finding.nodes}
    assert {"BATCH_MATMUL", "QUANTIZE"} <= named
    assert not report.prepares


def test_parameters_are_not_valid_when_there_is_no_zero_point(
    tmp_path: Path, prober: Prober
) -> None:
    x, y = value("x", [4], "INT8", scale=0.1), value("y", [3], "INT8", scale=0.1)
    for tensor in (x, y):
        tensor.quantization = Quantization(np.full(1, 0.1, np.float32), np.zeros(0, np.int64))
    reshape = new_operator("RESHAPE", [x, constant("shape", [3])], [y], newShape=[3])
    report = report_on(model_of([x], [y], [reshape]), tmp_path, prober)
    assert not report.is_good


def test_scales_are_not_valid_when_they_overflow(tmp_path: Path, prober: Prober) -> None:
    x, y = value("x", [4], "INT8", scale=3e38), value("y", [3], "INT8", scale=3e38)
    abs_ = new_operator("ABS", [x], [value("z", [4], "INT8", scale=3e38)])
    broken = new_operator("RESHAPE", [x, constant("shape", [3])], [y], newShape=[3])
    report = report_on(model_of([x], [y], [broken, abs_]), tmp_path, prober)
    assert "ES001" in codes(report)


def test_whole_is_refused_when_an_operator_fails_for_another_reason(
    tmp_path: Path, prober: Prober
) -> None:
    model = FIXTURES["ES018"].build()  # fails when it runs alone
    huge = 2**31 - 1
    model.main.extra_tensors.append(value("unused", [huge, huge, huge, 8]))
    report = report_on(model, tmp_path, prober)
    assert not report.prepares
    found: dict[str, Finding] = {finding.code: finding for finding in report.findings}
    assert "overflow" in found["ES007"].message


def test_broadcast_is_left_alone_when_shapes_do_not_go_together(
    tmp_path: Path, prober: Prober
) -> None:
    x, row, wide, y = (value(n, s) for n, s in zip("xrwy", ([5], [1, 3], [2, 3], [2]), strict=True))
    model = model_of(
        [x, row],
        [y],
        [
            new_operator("BROADCAST_TO", [row, constant("shape", [2, 3])], [wide]),
            new_operator("ADD", [x, wide], [y], fusedActivationFunction=0),
        ],
    )
    report = report_on(model, tmp_path, prober)
    assert "ES024" not in codes(report)
    assert "ES001" in codes(report)


def test_weights_do_not_count_as_unpacked_when_something_else_is_read_with_them(
    tmp_path: Path, prober: Prober
) -> None:
    x, w, y, other = value("x", [4]), value("w", [4]), value("y", [4]), value("other", [4])
    half = constant("half", np.ones(4, np.float16))
    model = model_of(
        [x],
        [y],
        [
            new_operator("NEG", [x], [other]),
            new_operator("DEQUANTIZE", [half, other], [w]),
            new_operator("ADD", [x, w], [y], fusedActivationFunction=0),
        ],
    )
    report = report_on(model, tmp_path, prober)
    assert "ES001" in codes(report)
