"""What a reduction tells: scripts that run beside the file, commands, places, differences."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import itertools
import math
import shlex
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeseal.errors import UsageError
from edgeseal.tflite.diagnosis import Node
from edgeseal.tflite.graph import Model, new_operator, serialize
from edgeseal.tflite.reduction import NodePlace, Reduction, Script, bug_report, write_reduction
from edgeseal.tflite.reduction._chosen_finding import starts
from edgeseal.tflite.reduction._difference import _describe
from edgeseal.tflite.reduction._fills import FILLS
from edgeseal.tflite.reduction._user_command import CommandEnd, run_command
from graphs import constant, model_of, value

ODD_NAME = "it's a {part} of \\ 100 %s.tflite"
VALUES = np.array([[1.5, -2.0, 0.25]], np.float32)


def negation(length: int = 1) -> Model:
    tensors = [value(f"t{place}", [1, 3]) for place in range(length + 1)]
    steps = itertools.pairwise(tensors)
    operators = [new_operator("NEG", [a], [b]) for a, b in steps]
    return model_of(tensors[:1], tensors[-1:], operators)


def doubled() -> Model:
    x, y = value("t0", [1, 3]), value("t1", [1, 3])
    return model_of([x], [y], [new_operator("ADD", [x, x], [y], fusedActivationFunction=0)])


def reduction_of(model: Model, script: Script, **changes: Any) -> Reduction:
    plain = Reduction(
        source=Path("whole.tflite"),
        content=bytes(serialize(model)),
        model=model,
        companion=None,
        inputs={},
        expression="",
        title="a title",
        evidence="the evidence",
        script=script,
        command=(),
        operators=1,
        operators_before=9,
        kept_weight_bytes=0,
        trials=3,
        is_cut_short=False,
    )
    return dataclasses.replace(plain, **changes)


def printed(reduction: Reduction, folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Write a reduction, run its script beside it, and return the values of what it prints."""
    path = folder / ODD_NAME
    write_reduction(reduction, path)
    monkeypatch.chdir(folder)
    scope: dict[str, Any] = {}
    with contextlib.redirect_stdout(io.StringIO()) as out:
        exec(compile(bug_report(reduction, path).script, "script", "exec"), scope)
    if "saved" in scope:
        scope["saved"].close()  # as the end of a process would
    names = {"array": np.array, "float32": np.float32}
    text = out.getvalue().strip().replace("]] [[", "]], [[").replace("] [", "], [")
    return [eval(line.replace("} {", "}, {"), names) for line in text.splitlines()]


GIVEN = {
    "expression": {"expression": 'np.full(d["shape"], -1).astype(d["dtype"])'},
    "drawn": {"expression": 'rng.random(d["shape"]).astype(d["dtype"])'},
    "shipped": {},
}
EXPECTED = {
    "expression": np.full((1, 3), -1, np.float32),
    "drawn": np.random.default_rng(0).random((1, 3)).astype(np.float32),
    "shipped": VALUES,
}


@pytest.mark.parametrize("way", GIVEN)
def test_script_runs_the_part_on_its_values_when_its_name_is_odd(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reduction = reduction_of(negation(), Script.RUN, inputs={"t0": VALUES}, **GIVEN[way])
    [[output]] = printed(reduction, tmp_path, monkeypatch)
    np.testing.assert_allclose(output, -EXPECTED[way], rtol=1e-6)


@pytest.mark.parametrize("way", GIVEN)
def test_script_of_a_fallback_gives_both_kernels_the_same_values(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reduction = reduction_of(negation(), Script.FALLBACK, inputs={"t0": VALUES}, **GIVEN[way])
    [([ours], [theirs])] = printed(reduction, tmp_path, monkeypatch)
    np.testing.assert_allclose(ours, -EXPECTED[way], rtol=1e-6)
    np.testing.assert_allclose(theirs, -EXPECTED[way], rtol=1e-6)


@pytest.mark.parametrize("way", GIVEN)
def test_script_of_a_difference_runs_both_parts_on_the_same_values(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    companion = bytes(serialize(doubled()))
    given_inputs = {"inputs": {"t0": VALUES}, "companion": companion}
    reduction = reduction_of(negation(), Script.AGAINST, **given_inputs, **GIVEN[way])
    ours, theirs = printed(reduction, tmp_path, monkeypatch)
    np.testing.assert_allclose(ours["t1"], -EXPECTED[way], rtol=1e-6)
    np.testing.assert_allclose(theirs["t1"], 2 * EXPECTED[way], rtol=1e-6)


def test_command_can_be_pasted_when_names_have_spaces(tmp_path: Path) -> None:
    command = ("python", "my script.py", "{}", "--out={}")
    reduction = reduction_of(negation(), Script.COMMAND, command=command)
    script = bug_report(reduction, tmp_path / ODD_NAME).script
    assert shlex.split(script) == ["python", "my script.py", ODD_NAME, f"--out={ODD_NAME}"]


def test_report_says_how_many_more_when_operators_are_many(tmp_path: Path) -> None:
    reduction = reduction_of(negation(23), Script.PREPARE, kept_weight_bytes=12, evidence="a\nb")
    report = bug_report(reduction, tmp_path / "part.tflite")
    lines = report.text.splitlines()
    assert len(report.operators) == 23
    assert sum(line.startswith("- NEG version 1") for line in lines) == 20
    assert "- and 3 more operators" in lines
    assert lines[:4] == ["### a title", "", "> a", "> b"]
    size = f"`part.tflite`: {len(reduction.content)} bytes, 1 of 9 operators of whole.tflite"
    assert f"{size}; 12 bytes of the model's weights are in it." in lines


def test_tensors_are_told_with_scales_and_what_is_absent(tmp_path: Path) -> None:
    x = value("x", [1, 3], "INT8", scale=0.5, zero=-3)
    weights = constant("w", np.ones((2, 3), np.int8), scale=[0.25, 0.125])
    y = value("y", [1, 2], "INT8", scale=2.0)
    model = model_of([x], [y], [new_operator("FULLY_CONNECTED", [x, weights, None], [y])])
    [lines] = bug_report(reduction_of(model, Script.PREPARE), tmp_path / "part.tflite").tensors
    assert lines == (
        "input 0: INT8 [1, 3], scale 0.5, zero point -3 `x`",
        "input 1: INT8 [2, 3] constant, 2 scales 0.125 to 0.25 on axis 0, zero points 0 `w`",
        "input 2: absent",
        "output 0: INT8 [1, 2], scale 2, zero point 0 `y`",
    )


@pytest.mark.parametrize("fill", FILLS, ids=lambda fill: fill.expression)
@pytest.mark.parametrize("dtype", ["FLOAT32", "INT8", "INT32"])
def test_expression_makes_the_values_that_were_tried(fill: Any, dtype: str) -> None:
    scale = 0.5 if dtype == "INT8" else None
    tensors = [value(name, [1, 3], dtype, scale=scale, zero=-7) for name in ("a", "b")]
    outputs = [value(f"{t.name}_out", [1, 3], dtype, scale=scale, zero=-7) for t in tensors]
    steps = zip(tensors, outputs, strict=True)
    model = model_of(tensors, outputs, [new_operator("RELU", [a], [b]) for a, b in steps])
    interpreter = Interpreter(model_content=bytes(serialize(model)))
    names = {"np": np, "rng": np.random.default_rng(0)}
    found = fill.inputs(model)
    for detail in interpreter.get_input_details():
        made = eval(fill.expression, names, {"d": detail})
        ours = found[detail["name"]]
        assert made.dtype == ours.dtype
        assert np.array_equal(made, ours)
    assert fill.is_drawn == ("rng" in fill.expression)


def test_nothing_is_filled_when_an_input_is_text() -> None:
    x, y = value("x", [1], "STRING"), value("y", [1], "STRING")
    assert FILLS[0].inputs(model_of([x], [y], [])) is None


@settings(max_examples=40)
@given(st.data())
def test_cuts_grow_around_the_node_until_they_are_all(data: st.DataObject) -> None:
    length = data.draw(st.integers(1, 40))
    number = data.draw(st.integers(0, length - 1))
    model = negation(length)
    operators = model.main.operators
    cuts = list(starts(model, Node(operators[number], model.main, number, "")))
    assert cuts[0] == [operators[number]]
    assert cuts[-1] == operators
    assert len(cuts) <= 2 + math.ceil(math.log2(length + 1))
    for smaller, larger in itertools.pairwise(cuts):
        assert len(smaller) < len(larger)
        assert set(smaller) <= set(larger)


def test_place_names_its_operator_or_says_how_many_there_are() -> None:
    model = negation(3)
    assert NodePlace.parse("2").operator(model) is model.main.operators[2]
    for text in ("0", "12", "1:0", "3:12"):
        assert str(NodePlace.parse(text)) == text
    assert str(NodePlace.parse("0:4")) == "4"
    with pytest.raises(UsageError, match="node 3: the subgraph has 3 operators"):
        NodePlace.parse("3").operator(model)
    with pytest.raises(UsageError, match="node 1:0: the file has 1 subgraphs"):
        NodePlace.parse("1:0").operator(model)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("print('a\\n\\n  last \\n', file=sys.stderr); sys.exit(3)", "exit status 3: last"),
        ("sys.exit(4)", "exit status 4"),
        ("print('only on stdout'); sys.exit(1)", "exit status 1"),
        ("sys.stderr.write('x' * 9000 + '\\nend'); sys.exit(1)", "exit status 1: end"),
        ("sys.stderr.buffer.write(b'\\xff\\n'); sys.exit(1)", "exit status 1: \ufffd"),
        ("sys.exit(f'bad {sys.argv[1]}!')", "exit status 1: bad {}!"),
        ("import os; os.kill(os.getpid(), 9)", "signal 9"),
    ],
)
def test_end_of_a_command_is_its_last_line_without_the_path(
    code: str, expected: str, tmp_path: Path
) -> None:
    command = [sys.executable, "-S", "-c", f"import sys; {code}", "{}"]
    assert str(run_command(command, tmp_path / ODD_NAME, 60)) == expected


def test_end_is_told_when_a_command_had_to_be_stopped() -> None:
    assert str(CommandEnd(None, "ignored")) == "it does not end in time"


ARRAYS = {"a": np.array([1.0, -4.0]), "b": np.array([2.0])}


@pytest.mark.parametrize(
    ("ours", "expected"),
    [
        ({"a": [1, -4], "b": [2]}, None),
        ({"a": [1, -3.5], "b": [2]}, "a differs from it by 0.125 of its largest value"),
        ({"a": [1, -3.5], "b": [3]}, "b differs from it by 0.5 of its largest value"),
        ({"a": [1, math.nan], "b": [3]}, "a differs from it by inf of its largest value"),
        ({"b": [2]}, None),
        ({"a": [1, -4, 0], "b": [2]}, None),  # of another shape: nothing to compare
        ({"c": [9]}, None),
    ],
)
def test_worst_output_is_told_when_two_runs_differ(
    ours: dict[str, list[float]], expected: str | None
) -> None:
    found = {name: np.array(values, np.float64) for name, values in ours.items()}
    assert _describe(found, ARRAYS, 0.1, "it") == expected


def test_difference_is_beyond_measure_when_the_other_gives_zeros() -> None:
    zeros, one = {"a": np.zeros(2)}, {"a": np.array([0.0, 1e-30])}
    assert _describe(zeros, zeros, 0.0, "it") is None
    assert _describe(one, zeros, 1e9, "it") == "a differs from it by inf of its largest value"
    assert _describe(one, {"a": np.array([0.0, math.nan])}, 0.0, "it") is None
