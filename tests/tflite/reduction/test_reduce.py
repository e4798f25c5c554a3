"""The smallest sub-model still shows what the whole one shows."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edgeseal.errors import NothingToReduceError, OutputExistsError, UsageError
from edgeseal.tflite.diagnosis import check_file
from edgeseal.tflite.graph import (
    Model,
    Operator,
    Quantization,
    Subgraph,
    Tensor,
    new_operator,
    read_model,
    write_model,
)
from edgeseal.tflite.reduction import (
    NodePlace,
    ReduceSettings,
    Reduction,
    Script,
    bug_report,
    reduce_command,
    reduce_difference,
    reduce_finding,
    write_reduction,
)
from graphs import constant, kinds, made, model_of, run, value
from tflite.diagnosis.fixtures import FIXTURES

NOT_CUT = ("ES007", "ES026", "ES027", "ES028")
"""About the file, not about an operator."""
CRASHES = ("ES003", "ES004")
"""Every trial ends a process, or waits for one."""
BECOMES = {"ES009": "ES001", "ES018": "ES002"}
"""What it is once the function is the main one, or the inputs are given."""


def chain(length: int, *, broken_at: int | None = None, table: float = 0.02) -> Model:
    """Products with 4 x 4 constants; the broken one has an INT8 constant on its left."""
    generator = np.random.default_rng(0)
    x = value("x", [1, 4, 4])
    operators, last = [], x
    for place in range(length):
        result = value(f"step{place}", [1, 4, 4])
        weights = generator.integers(-100, 100, (1, 4, 4)).astype(np.int8)
        if place == broken_at:
            left = constant("int8 table", weights, scale=table)
        else:
            left = constant(f"table{place}", (weights * 0.01).astype(np.float32))
        operators.append(product(left, last, result))
        last = result
    return model_of([x], [last], operators)


def product(left: Tensor, right: Tensor, result: Tensor) -> Operator:
    return new_operator("BATCH_MATMUL", [left, right], [result], adjX=False, adjY=False)


def saved(model: Model, path: Path) -> Path:
    write_model(model, path)
    return path


def written(reduction: Reduction, path: Path) -> Path:
    write_reduction(reduction, path)
    return path


def run_script(reduction: Reduction, path: Path) -> subprocess.CompletedProcess[str]:
    """Write a reduction and run the script of its report beside it, as a reader would."""
    script = bug_report(reduction, written(reduction, path)).script
    command = [sys.executable, "-W", "error", "-c", script]
    return subprocess.run(command, cwd=path.parent, capture_output=True, text=True, check=False)


def codes(path: Path) -> set[str]:
    return {finding.code for finding in check_file(path).findings}


def test_one_operator_without_weights_is_left_when_one_cannot_be_prepared(tmp_path: Path) -> None:
    source = saved(chain(12, broken_at=7), tmp_path / "whole.tflite")
    reduction = reduce_finding(source)
    assert reduction.title.startswith("ES010")
    assert "batch_matmul" in reduction.evidence
    assert (reduction.operators, reduction.operators_before) == (1, 12)
    assert reduction.kept_weight_bytes == 0
    model = read_model(written(reduction, tmp_path / "part.tflite"))
    (operator,) = model.main.operators
    left, right = operator.inputs
    assert (left.name, right.name) == ("int8 table", "step6")
    assert not left.buffer.data.any()
    assert "ES010" in codes(tmp_path / "part.tflite")
    assert len(reduction.content) < 1500


def test_script_fails_as_the_report_says_when_it_runs_beside_the_file(tmp_path: Path) -> None:
    source = saved(chain(3, broken_at=1), tmp_path / "whole.tflite")
    reduction = reduce_finding(source)
    done = run_script(reduction, tmp_path / "part.tflite")
    assert done.returncode == 1
    assert reduction.evidence.split()[0] in done.stderr


@pytest.mark.parametrize(
    "code",
    [
        pytest.param(code, marks=[pytest.mark.slow] if code in CRASHES else [])
        for code in FIXTURES
        if code not in NOT_CUT
    ],
)
def test_finding_is_shown_by_what_is_left_when_a_fixture_is_reduced(
    code: str, tmp_path: Path
) -> None:
    fixture = FIXTURES[code]
    source = saved(fixture.build(), tmp_path / "whole.tflite")
    settings = ReduceSettings(timeout_s=fixture.timeout_s)
    reduction = reduce_finding(source, code=code, samples=fixture.samples, settings=settings)
    assert 1 <= len(reduction.model.main.operators) <= reduction.operators_before
    assert set(fixture.kinds) & set(kinds(reduction.model)) or not fixture.kinds
    path = written(reduction, tmp_path / "part.tflite")
    found = check_file(path, samples=[reduction.inputs], timeout_s=fixture.timeout_s).findings
    assert {code, BECOMES.get(code)} & {finding.code for finding in found}


@pytest.mark.parametrize("code", NOT_CUT)
def test_refusal_says_why_when_a_finding_is_about_the_file(code: str, tmp_path: Path) -> None:
    source = saved(FIXTURES[code].build(), tmp_path / "whole.tflite")
    with pytest.raises(NothingToReduceError, match=f"{code} is about"):
        reduce_finding(source, code=code)


def test_values_that_fail_are_shipped_when_simple_ones_do_not_show_it(tmp_path: Path) -> None:
    table, y = constant("table", np.ones(50, np.float32)), value("y", [3])
    indices, shifted = value("indices", [3], "INT32"), value("shifted", [3], "INT32")
    shift = new_operator("ADD", [indices, constant("shift", [40])], [shifted])
    gather = new_operator("GATHER", [table, shifted], [y], axis=0)
    source = saved(model_of([indices], [y], [shift, gather]), tmp_path / "whole.tflite")
    samples = [{"indices": np.array([0, 7, 70], np.int32)}]
    reduction = reduce_finding(source, samples=samples)
    assert kinds(reduction.model) == ["GATHER"]
    done = run_script(reduction, tmp_path / "part.tflite")
    assert "gather index out of bounds" in done.stderr


def test_neighbours_are_kept_when_one_operator_alone_does_not_show_it(tmp_path: Path) -> None:
    x, y = value("x", [4], "INT8", scale=0.1), value("y", [4], "INT8", scale=0.1)
    a, b, c = value("a", [4]), value("b", [4]), value("c", [4], "INT8", scale=0.1)
    operators = [
        new_operator("ABS", [x], [value("unused", [4], "INT8", scale=0.1)]),
        new_operator("DEQUANTIZE", [x], [a]),
        new_operator("NEG", [a], [b]),
        new_operator("QUANTIZE", [a], [c]),
        new_operator("RESHAPE", [c, constant("shape", [4])], [y], newShape=[4]),
    ]
    source = saved(model_of([x], [y, b], operators), tmp_path / "whole.tflite")
    reduction = reduce_finding(source, code="ES025")
    assert kinds(reduction.model) == ["DEQUANTIZE", "QUANTIZE", "RESHAPE"]  # no output goes away
    assert reduction.script is Script.CHECK
    done = run_script(reduction, tmp_path / "part.tflite")
    assert "ES025" in done.stdout, done.stderr


def test_operator_of_the_function_is_left_when_a_loop_body_is_broken(tmp_path: Path) -> None:
    x, y = value("x", [1, 4, 4]), value("y", [1, 4, 4])
    a, flag = value("a", [1, 4, 4]), value("flag", [1, 1, 1], "BOOL")
    corner = value("corner", [1, 1, 1])
    start, size = constant("start", [0, 0, 0]), constant("size", [1, 1, 1])
    condition = Subgraph(
        "condition",
        [a],
        [flag],
        [
            new_operator("SLICE", [a, start, size], [corner]),
            new_operator("LESS", [corner, constant("limit", [0.0])], [flag]),
        ],
    )
    body = chain(3, broken_at=1).main
    body.name = "body"
    loop = new_operator("WHILE", [x], [y], subgraphs=[condition, body])
    model = model_of([x], [y], [loop])
    model.subgraphs += [condition, body]
    reduction = reduce_finding(saved(model, tmp_path / "whole.tflite"))
    assert kinds(reduction.model) == ["BATCH_MATMUL"]
    assert reduction.operators_before == 6
    assert len(reduction.model.subgraphs) == 1


def test_finding_and_node_are_chosen_when_they_are_named(tmp_path: Path) -> None:
    model = chain(4, broken_at=1)
    second = constant("second table", np.ones((1, 2, 4), np.int8), scale=0.5)
    result = value("last", [1, 2, 4])
    model.main.operators.append(product(second, model.main.outputs[0], result))
    custom, end = value("custom", [1, 2, 4]), value("end", [1, 2, 4])
    model.main.operators.append(Operator("Frobnicate", [result], [custom], is_custom=True))
    model.main.operators.append(new_operator("NEG", [custom], [end]))
    model.main.outputs = [end]
    model.signatures.clear()
    source = saved(model, tmp_path / "whole.tflite")
    assert kinds(reduce_finding(source, code="ES005").model) == ["Frobnicate"]
    by_node = reduce_finding(source, place=NodePlace(0, 4)).model.main.operators[0]
    assert by_node.inputs[0].name == "second table"
    with pytest.raises(NothingToReduceError, match="no finding ES010 at node 0"):
        reduce_finding(source, code="ES010", place=NodePlace(0, 0))
    with pytest.raises(UsageError, match="7 operators"):
        reduce_finding(source, place=NodePlace(0, 7))


@pytest.mark.parametrize("text", ["", "x", "1:2:3", "-1", "1:", "²"])
def test_node_is_refused_when_it_is_no_number(text: str) -> None:
    with pytest.raises(UsageError, match="SUBGRAPH:NUMBER"):
        NodePlace.parse(text)


def test_refusal_names_other_findings_when_there_is_no_error(tmp_path: Path) -> None:
    source = saved(FIXTURES["ES016"].build(), tmp_path / "whole.tflite")
    with pytest.raises(NothingToReduceError, match="no finding of level error; it has ES016"):
        reduce_finding(source)


def test_weights_stay_when_they_are_to_be_kept(tmp_path: Path) -> None:
    model = chain(3, broken_at=1)
    weights = made(model, "step1").inputs[0].buffer.data.copy()
    source = saved(model, tmp_path / "whole.tflite")
    reduction = reduce_finding(source, settings=ReduceSettings(keep_weights=True))
    left = reduction.model.main.operators[0].inputs[0]
    assert left.buffer.data.any()
    assert set(left.buffer.data) <= set(weights)
    assert reduction.kept_weight_bytes == left.buffer.data.size


def test_options_are_dropped_when_an_unknown_operator_carries_data(tmp_path: Path) -> None:
    x, y = value("x", [4]), value("y", [4])
    compiled = np.frombuffer(b"compiled for an accelerator" * 1000, np.uint8)
    operator = Operator("npu", [x], [y], is_custom=True, custom_options=compiled)
    reduction = reduce_finding(saved(model_of([x], [y], [operator]), tmp_path / "whole.tflite"))
    assert reduction.model.main.operators[0].custom_options is None
    assert b"accelerator" not in reduction.content


def test_result_is_the_same_when_a_model_is_reduced_twice(tmp_path: Path) -> None:
    source = saved(FIXTURES["ES012"].build(), tmp_path / "whole.tflite")
    first, second = reduce_finding(source), reduce_finding(source)
    assert first.content == second.content
    assert first.expression == second.expression
    assert first.trials == second.trials


def test_smallest_so_far_is_kept_when_trials_run_out(tmp_path: Path) -> None:
    source = saved(chain(6, broken_at=2), tmp_path / "whole.tflite")
    reduction = reduce_finding(source, settings=ReduceSettings(max_trials=1))
    assert reduction.is_cut_short
    assert reduction.operators == 1
    assert reduction.kept_weight_bytes == 16


def test_operator_with_other_values_is_left_when_compared_with_another_file(
    tmp_path: Path,
) -> None:
    good, bad = chain(9), chain(9)
    made(bad, "step4").inputs[0] = constant("table4", np.ones((1, 4, 4), np.float32))
    source, other = saved(bad, tmp_path / "bad.tflite"), saved(good, tmp_path / "good.tflite")
    reduction = reduce_difference(source, tolerance=0.01, against=other)
    assert [operator.outputs[0].name for operator in reduction.model.operators()] == ["step4"]
    path = written(reduction, tmp_path / "part.tflite")
    assert kinds(read_model(tmp_path / "part_other.tflite")) == ["BATCH_MATMUL"]
    assert path.read_bytes() == reduction.content


def test_both_parts_run_when_the_script_of_a_difference_runs(tmp_path: Path) -> None:
    source = saved(chain(5, broken_at=2), tmp_path / "whole.tflite")
    other = chain(5)
    mended = read_model(source)
    operator = made(mended, "step2")
    table = operator.inputs[0]
    wide = value("wide", [1, 4, 4])
    operator.inputs[0] = wide
    mended.main.insert_before(operator, new_operator("DEQUANTIZE", [table], [wide]))
    paths = saved(mended, tmp_path / "a.tflite"), saved(other, tmp_path / "b.tflite")
    reduction = reduce_difference(paths[0], tolerance=0.01, against=paths[1])
    assert kinds(reduction.model) == ["DEQUANTIZE", "BATCH_MATMUL"]
    done = run_script(reduction, tmp_path / "part.tflite")
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    assert len(set(lines)) == 2


def test_difference_is_nothing_when_it_is_within_the_tolerance(tmp_path: Path) -> None:
    path = saved(chain(3), tmp_path / "a.tflite")
    with pytest.raises(NothingToReduceError, match=r"within 0\.01"):
        reduce_difference(path, tolerance=0.01, against=path)
    with pytest.raises(NothingToReduceError, match="fallback kernels"):
        reduce_difference(path, tolerance=0.01)


def test_other_file_is_refused_when_it_is_of_another_graph(tmp_path: Path) -> None:
    x, y = value("x", [2]), value("y", [2])
    other = saved(model_of([x], [y], [new_operator("NEG", [x], [y])]), tmp_path / "b.tflite")
    source = saved(chain(3), tmp_path / "a.tflite")
    with pytest.raises(UsageError, match="not of the same graph"):
        reduce_difference(source, tolerance=0.01, against=other)


def test_operator_that_the_delegate_rounds_otherwise_is_left_when_nothing_is_tolerated(
    tmp_path: Path,
) -> None:
    x, y = value("x", [1, 256]), value("y", [1, 256])
    a, b = value("a", [1, 256]), value("b", [1, 256])
    operators = [
        new_operator("NEG", [x], [a]),
        new_operator("LOGISTIC", [a], [b]),
        new_operator("NEG", [b], [y]),
    ]
    source = saved(model_of([x], [y], operators), tmp_path / "whole.tflite")
    reduction = reduce_difference(source, tolerance=0.0)
    assert kinds(reduction.model) == ["LOGISTIC"]
    assert reduction.script is Script.FALLBACK
    done = run_script(reduction, tmp_path / "part.tflite")
    assert done.returncode == 0, done.stderr


def failing(status: int, line: str = "'it is in there'") -> list[str]:
    """A command that fails if the name of a tensor is in the file."""
    code = (
        "import sys\n"
        "found = b'step5' in open(sys.argv[1], 'rb').read()\n"
        f"if found: print({line}, file=sys.stderr); sys.exit({status})"
    )
    return [sys.executable, "-S", "-c", code, "{}"]


def test_operator_is_left_when_a_command_fails_on_it(tmp_path: Path) -> None:
    source = saved(chain(9), tmp_path / "whole.tflite")
    reduction = reduce_command(source, failing(3))
    names = [tensor.name for tensor in reduction.model.main.tensors()]
    assert len(reduction.model.main.operators) == 1
    assert "step5" in names
    assert reduction.evidence == "exit status 3: it is in there"
    assert "part.tflite" in bug_report(reduction, tmp_path / "part.tflite").script


def test_part_does_not_count_when_a_command_fails_on_it_for_another_reason(tmp_path: Path) -> None:
    source = saved(chain(6), tmp_path / "whole.tflite")
    code = (
        "import sys\n"
        "data = open(sys.argv[1], 'rb').read()\n"
        "sys.exit('wrong' if b'step1' in data and b'step4' in data else 'missing')"
    )
    reduction = reduce_command(source, [sys.executable, "-S", "-c", code, "{}"])
    assert reduction.evidence == "exit status 1: wrong"
    assert b"step1" in reduction.content
    assert b"step4" in reduction.content


def test_command_is_stopped_when_it_hangs(tmp_path: Path) -> None:
    source = saved(chain(2), tmp_path / "whole.tflite")
    code = "import sys, time; time.sleep(60 * (b'step1' in open(sys.argv[1], 'rb').read()))"
    settings = ReduceSettings(timeout_s=0.5)
    command = [sys.executable, "-S", "-c", code, "{}"]
    reduction = reduce_command(source, command, settings=settings)
    assert reduction.evidence == "it does not end in time"
    assert reduction.operators == 1


def test_command_is_refused_when_it_is_good_or_cannot_run(tmp_path: Path) -> None:
    source = saved(chain(2), tmp_path / "whole.tflite")
    with pytest.raises(NothingToReduceError, match="exits with 0"):
        reduce_command(source, [sys.executable, "-S", "-c", "", "{}"])
    with pytest.raises(UsageError, match=r"has no \{\}"):
        reduce_command(source, ["true"])
    with pytest.raises(UsageError, match="cannot be started"):
        reduce_command(source, [str(tmp_path / "missing"), "{}"])


def test_nothing_is_written_when_one_of_several_files_exists(tmp_path: Path) -> None:
    good, bad = chain(3), chain(3)
    made(bad, "step1").inputs[0] = constant("table1", np.ones((1, 4, 4), np.float32))
    source, other = saved(bad, tmp_path / "bad.tflite"), saved(good, tmp_path / "good.tflite")
    reduction = reduce_difference(source, tolerance=0.01, against=other)
    (tmp_path / "part_other.tflite").write_text("mine")
    with pytest.raises(OutputExistsError):
        write_reduction(reduction, tmp_path / "part.tflite")
    assert not (tmp_path / "part.tflite").exists()
    assert (tmp_path / "part_other.tflite").read_text() == "mine"


def test_outputs_agree_when_the_part_of_a_difference_is_run_again(tmp_path: Path) -> None:
    bad = chain(4)
    made(bad, "step2").inputs[0] = constant("table2", np.ones((1, 4, 4), np.float32))
    source, other = saved(bad, tmp_path / "a.tflite"), saved(chain(4), tmp_path / "b.tflite")
    reduction = reduce_difference(source, tolerance=0.01, against=other)
    written(reduction, tmp_path / "part.tflite")
    inputs = np.ones((1, 4, 4), np.float32)
    ours = run(read_model(tmp_path / "part.tflite"), inputs)
    theirs = run(read_model(tmp_path / "part_other.tflite"), inputs)
    assert not np.allclose(ours[0], theirs[0])


def test_report_says_so_when_parameters_are_damaged(tmp_path: Path) -> None:
    x, y = value("x", [4], "INT8", scale=0.1), value("y", [3], "INT8", scale=0.1)
    for tensor in (x, y):
        tensor.quantization = Quantization(np.full(1, 0.1, np.float32), np.zeros(0, np.int64))
    broken = new_operator("RESHAPE", [x, constant("shape", [3])], [y], newShape=[3])
    source = saved(model_of([x], [y], [broken]), tmp_path / "whole.tflite")
    reduction = reduce_finding(source)
    assert "scale 0.1, zero point absent" in bug_report(reduction, source).text
