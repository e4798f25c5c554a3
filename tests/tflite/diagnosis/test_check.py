"""The whole file decides which failures of single operators count."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgeseal.tflite.diagnosis import CheckReport, Finding, Level, check_file
from edgeseal.tflite.graph import Model, Subgraph, Tensor, new_operator, write_model
from graphs import constant, model_of, value
from tflite.diagnosis.fixtures import FIXTURES


def report_on(model: Model, folder: Path) -> CheckReport:
    path = folder / "model.tflite"
    write_model(model, path)
    return check_file(path)


def errors(report: CheckReport) -> list[Finding]:
    return [finding for finding in report.findings if finding.level is Level.ERROR]


def test_operator_counts_as_good_when_the_delegate_takes_it_only_in_company(
    tmp_path: Path,
) -> None:
    half, x = constant("half", np.ones(4, np.float16)), value("x", [4])
    single, y = value("single", [4]), value("y", [4])
    model = model_of(
        [x],
        [y],
        [
            new_operator("DEQUANTIZE", [half], [single]),
            new_operator("ADD", [x, single], [y], fusedActivationFunction=0),
        ],
    )
    report = report_on(model, tmp_path)
    assert report.runs
    assert not errors(report)


def test_inner_operator_is_named_when_a_function_that_is_called_fails(tmp_path: Path) -> None:
    model = branching(broken=True)
    (finding,) = errors(report_on(model, tmp_path))
    assert finding.code == "ES001"
    assert [node.subgraph.name for node in finding.nodes] == ["then"]
    assert [node.operator.kind for node in finding.nodes] == ["RESHAPE"]


def test_nothing_is_wrong_when_functions_are_sound(tmp_path: Path) -> None:
    report = report_on(branching(broken=False), tmp_path)
    assert report.runs
    assert report.operators == 3
    assert not errors(report)


def test_state_is_left_to_the_whole_when_operators_share_it(tmp_path: Path) -> None:
    resource, x, y = Tensor("resource", (), "RESOURCE"), value("x", [4]), value("y", [4])
    model = model_of(
        [x],
        [y],
        [
            new_operator("VAR_HANDLE", [], [resource], container="", sharedName="state"),
            new_operator("ASSIGN_VARIABLE", [resource, x], []),
            new_operator("READ_VARIABLE", [resource], [y]),
        ],
    )
    report = report_on(model, tmp_path)
    assert report.runs
    assert not errors(report)


def test_file_is_prepared_when_only_another_signature_fails(tmp_path: Path) -> None:
    report = report_on(FIXTURES["ES009"].build(), tmp_path)
    assert report.prepares
    assert report.is_good


@pytest.mark.parametrize("code", ["ES001", "ES005", "ES010", "ES011", "ES013"])
def test_every_failing_operator_is_found_when_one_follows_another(
    code: str, tmp_path: Path
) -> None:
    first, second = FIXTURES[code].build().main, FIXTURES["ES006"].build().main
    both = model_of(
        first.inputs + second.inputs,
        first.outputs + second.outputs,
        first.operators + second.operators,
    )
    both.signatures.clear()  # two inputs are called x
    assert {finding.code for finding in errors(report_on(both, tmp_path))} == {code, "ES006"}


def branching(*, broken: bool) -> Model:
    """An IF, one of whose branches may hold a RESHAPE that loses elements."""
    condition, x, y = value("condition", [], "BOOL"), value("x", [4]), value("y", [4])
    a, b = value("a", [4]), value("b", [3] if broken else [4])
    shape = constant("shape", list(b.shape))
    then = Subgraph("then", [a], [b], [new_operator("RESHAPE", [a, shape], [b])])
    c, d = value("c", [4]), value("d", [4])
    otherwise = Subgraph("else", [c], [d], [new_operator("NEG", [c], [d])])
    branch = new_operator("IF", [condition, x], [y], subgraphs=[then, otherwise])
    model = model_of([condition, x], [y], [branch])
    model.subgraphs += [then, otherwise]
    return model
