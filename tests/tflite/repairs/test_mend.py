"""Operators that fail are mended, by the candidate that proves best."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgeseal import tflite
from edgeseal.tflite.diagnosis import CODES
from edgeseal.tflite.graph import (
    Model,
    Operator,
    Quantization,
    Tensor,
    new_operator,
    read_model,
    write_model,
)
from edgeseal.tflite.probe import Prober
from edgeseal.tflite.repairs import Preference, RepairResult, repair, repair_file
from edgeseal.tflite.repairs.mend._choose_candidate import Trials, choose
from edgeseal.tflite.repairs.mend._measure_candidate import CandidateMeasurement
from edgeseal.tflite.rewrites import Site
from graphs import constant, kinds, made, model_of, run, value
from tflite.diagnosis.fixtures import FIXTURES

PLAIN = {"fusedActivationFunction": 0}
WEIGHTS = np.random.default_rng(0).normal(size=(4, 8)).astype(np.float32)
BIAS = constant("b", np.ones(4, np.float32))


@pytest.fixture
def mended(tmp_path: Path) -> Callable[..., RepairResult]:
    """Write a model, repair it, and check that repairing twice changes nothing."""

    def mend(
        model: Model, *arrays: np.ndarray, prefer: Preference = Preference.ACCURACY
    ) -> RepairResult:
        names = [tensor.name for tensor in model.main.inputs]
        samples = ({**dict(zip(names, arrays, strict=False))},)
        write_model(model, tmp_path / "broken.tflite")
        result = repair_file(tmp_path / "broken.tflite", samples=samples, prefer=prefer)
        assert not result.before.is_good
        write_model(result.model, tmp_path / "mended.tflite")
        again = repair_file(tmp_path / "mended.tflite", samples=samples, prefer=prefer)
        assert again.changes == ()
        return result

    return mend


@pytest.mark.parametrize("code", [code for code, kind in CODES.items() if kind.is_mendable])
def test_finding_is_gone_when_its_fixture_is_repaired(code: str, tmp_path: Path) -> None:
    fixture, path = FIXTURES[code], tmp_path / "model.tflite"
    write_model(fixture.build(), path)
    result = repair_file(path, samples=fixture.samples)
    assert code in {finding.code for finding in result.before.findings}
    assert code not in {finding.code for finding in result.after.findings}
    assert result.is_good
    assert code in {change.code for change in result.changes}
    assert result.unmended == ()


@pytest.mark.parametrize("code", [code for code, kind in CODES.items() if kind.is_mendable])
def test_nothing_changes_when_a_fixture_is_repaired_twice(code: str, tmp_path: Path) -> None:
    fixture, path = FIXTURES[code], tmp_path / "model.tflite"
    write_model(fixture.build(), path)
    write_model(repair_file(path, samples=fixture.samples).model, path, overwrite=True)
    assert repair_file(path, samples=fixture.samples).changes == ()


def left_product(dtype: str) -> Model:
    """An INT8 constant with a scale per channel, on the left of FLOAT32 or INT16."""
    table = np.random.default_rng(0).integers(-127, 127, (2, 4, 8), np.int8)
    left = constant("table", table, scale=[0.01, 0.03])
    scale = 1e-4 if dtype == "INT16" else None
    x, y = value("x", (2, 8, 4), dtype, scale), value("y", (2, 4, 4), dtype, scale and 1e-3)
    return model_of([x], [y], [new_operator("BATCH_MATMUL", [left, x], [y], adjX=False)])


def expected_product(x: np.ndarray) -> np.ndarray:
    table = np.random.default_rng(0).integers(-127, 127, (2, 4, 8), np.int8)
    return table * np.array([0.01, 0.03])[:, None, None] @ x


def test_constant_is_dequantized_in_place_when_it_is_left_of_float(
    mended: Callable[..., RepairResult],
) -> None:
    x = np.random.default_rng(1).normal(size=(2, 8, 4)).astype(np.float32)
    model = mended(left_product("FLOAT32"), x).model
    assert kinds(model) == ["DEQUANTIZE", "BATCH_MATMUL"]
    [stored] = model.main.operators[0].inputs
    assert stored is not None and stored.dtype == "INT8"
    np.testing.assert_allclose(run(model, x)[0], expected_product(x), atol=1e-5)


def test_operands_are_exchanged_when_integer_kernels_are_preferred(
    mended: Callable[..., RepairResult],
) -> None:
    x = np.random.default_rng(1).normal(size=(2, 8, 4)).astype(np.float32)
    model = mended(left_product("FLOAT32"), x, prefer=Preference.INTEGER).model
    assert kinds(model) == ["BATCH_MATMUL", "TRANSPOSE"]
    assert [t.dtype for t in model.main.operators[0].inputs if t] == ["FLOAT32", "INT8"]
    error = run(model, x)[0] - expected_product(x)
    assert np.square(error).mean() < 1e-3 * expected_product(x).var()


@pytest.mark.parametrize("prefer", list(Preference))
def test_product_is_right_when_a_constant_is_left_of_int16(
    mended: Callable[..., RepairResult], prefer: Preference
) -> None:
    x = np.random.default_rng(1).integers(-9000, 9000, (2, 8, 4), np.int16)
    result = mended(left_product("INT16"), x, prefer=prefer)
    got = run(result.model, x)[0] * 1e-3
    np.testing.assert_allclose(got, expected_product(x * 1e-4), atol=2e-3)


Build = Callable[[Tensor, Tensor], Operator]


def layer(weights: Tensor, bias: Tensor) -> Build:
    return lambda x, y: new_operator("FULLY_CONNECTED", [x, weights, bias], [y], **PLAIN)


def with_constant(kind: str, other: Tensor) -> Build:
    return lambda x, y: new_operator(kind, [x, other], [y], **PLAIN)


STORED = np.clip(np.rint(WEIGHTS / 0.03), -127, 127).astype(np.int8)
FACTORS = np.linspace(0.5, 2, 8, dtype=np.float32)
MIXED: dict[str, tuple[Build, Tensor, Callable[[np.ndarray], np.ndarray]]] = {
    "INT8 times FLOAT32": (
        with_constant("MUL", constant("f", FACTORS)),
        value("y", (1, 8), "INT8", 0.05),
        lambda x: x * FACTORS,
    ),
    "INT8 plus INT16": (
        with_constant("ADD", constant("f", np.arange(8, dtype=np.int16), scale=0.1)),
        value("y", (1, 8), "INT8", 0.05),
        lambda x: x + 0.1 * np.arange(8),
    ),
    "INT8 plus FLOAT32 to FLOAT32": (
        with_constant("ADD", constant("f", FACTORS)),
        value("y", (1, 8)),
        lambda x: x + FACTORS,
    ),
    "float weights": (
        layer(constant("w", WEIGHTS), BIAS),
        value("y", (1, 4), "INT8", 0.1),
        lambda x: x @ WEIGHTS.T + 1,
    ),
    "float bias": (
        layer(constant("w", STORED, scale=0.03), BIAS),
        value("y", (1, 4), "INT8", 0.1),
        lambda x: x @ (STORED * 0.03).T + 1,
    ),
    "float result": (
        layer(constant("w", STORED, scale=0.03), BIAS),
        value("y", (1, 4)),
        lambda x: x @ (STORED * 0.03).T + 1,
    ),
}


@pytest.mark.parametrize("prefer", list(Preference))
@pytest.mark.parametrize("name", MIXED)
def test_result_is_right_when_mixed_operands_are_mended(
    mended: Callable[..., RepairResult], name: str, prefer: Preference
) -> None:
    build, y, expected = MIXED[name]
    x = value("x", (1, 8), "INT8", 0.02)
    stored = np.random.default_rng(1).integers(-127, 127, (1, 8), np.int8)
    result = mended(model_of([x], [y], [build(x, y)]), stored, prefer=prefer)
    got = run(result.model, stored)[0]
    step = None if y.quantization is None else float(y.quantization.scale[0])
    wanted = expected(stored * 0.02)
    # half a step of the result; another one, or a percent, for what integers cost on the way
    tolerance = 0.02 * np.abs(wanted).max() if step is None else 1.5 * step
    assert np.abs(got * (step or 1) - wanted).max() <= tolerance
    if prefer is Preference.INTEGER:
        assert "INT8" in made_from(result.model) or "INT16" in made_from(result.model)


def made_from(model: Model) -> set[str]:
    """Return the types that the arithmetic operator reads."""
    [operator] = [o for o in model.operators() if o.kind in ("ADD", "MUL", "FULLY_CONNECTED")]
    return {tensor.dtype for tensor in operator.inputs if tensor is not None}


def root_mean_square() -> Model:
    """x / sqrt(mean(x^2) + eps) in INT8: small rows have a divisor that is rounded to zero."""
    x, q = value("x", (1, 16, 32)), value("q", (1, 16, 32), "INT8", 0.05)
    squares = value("squares", (1, 16, 32), "INT8", 0.16, -128)
    mean, moved, root = (
        value(name, (1, 16, 1), "INT8", scale, -128)
        for name, scale in (("mean", 0.05), ("moved", 0.05), ("root", 0.015))
    )
    epsilon = constant("epsilon", np.array([-127], np.int8), 1e-6, -128)
    y = value("y", (1, 16, 32), "INT8", 0.03)
    return model_of(
        [x],
        [y],
        [
            new_operator("QUANTIZE", [x], [q]),
            new_operator("MUL", [q, q], [squares], **PLAIN),
            new_operator("MEAN", [squares, constant("axes", [2])], [mean], keepDims=1),
            new_operator("ADD", [mean, epsilon], [moved], **PLAIN),
            new_operator("SQRT", [moved], [root]),
            new_operator("DIV", [q, root], [y], **PLAIN),
        ],
    )


def test_chain_is_left_float_when_its_divisor_is_rounded_to_zero(
    mended: Callable[..., RepairResult],
) -> None:
    rows = np.linspace(0.05, 3, 16)[None, :, None]
    x = (np.random.default_rng(0).normal(size=(1, 16, 32)) * rows).astype(np.float32)
    result = mended(root_mean_square(), x)
    [change] = result.changes
    assert change.code == "ES012"
    assert {t.dtype for t in made(result.model, "root/float").inputs if t} == {"FLOAT32"}
    expected = x / np.sqrt(np.square(x).mean(2, keepdims=True) + 1e-6)
    got = run(result.model, x)[0] * 0.03
    assert np.square(got - expected).mean() < 0.02 * expected.var()


@pytest.mark.parametrize("kind", ["SQRT", "RSQRT"])
def test_operand_is_clamped_when_it_is_negative(
    mended: Callable[..., RepairResult], kind: str
) -> None:
    x, q = value("x", (1, 32)), value("q", (1, 32), "INT8", 0.02, -40)
    y = value("y", (1, 32), "INT8", 0.05, -128)
    model = model_of([x], [y], [new_operator("QUANTIZE", [x], [q]), new_operator(kind, [q], [y])])
    stored = np.linspace(-0.1, 3, 32, dtype=np.float32)[None]
    result = mended(model, stored)
    assert kinds(result.model) == ["QUANTIZE", "MAXIMUM", kind]
    assert result.after.runs


def test_failing_operator_is_told_when_nothing_mends_it(tmp_path: Path) -> None:
    x, y = value("x", (2, 3)), value("y", (4,))
    path = tmp_path / "model.tflite"
    write_model(model_of([x], [y], [new_operator("RESHAPE", [x, constant("s", [4])], [y])]), path)
    result = repair_file(path)
    assert not result.is_good
    assert result.changes == ()
    [left] = result.unmended
    assert (left.code, left.names) == ("ES001", ("y",))
    assert "no repair is known" in left.text


def test_second_function_is_mended_when_its_signature_fails(tmp_path: Path) -> None:
    model = left_product("FLOAT32")
    broken = model.main
    x, y = value("a", (1,)), value("b", (1,))
    first = model_of([x], [y], [new_operator("ABS", [x], [y])])
    first.subgraphs.append(broken)
    first.signatures += model.signatures
    first.signatures[1].key = "product"
    write_model(first, tmp_path / "model.tflite")
    result = repair_file(tmp_path / "model.tflite")
    assert [change.code for change in result.changes] == ["ES009"]
    assert "ES009" not in {finding.code for finding in result.after.findings}
    assert kinds(result.model) == ["ABS", "DEQUANTIZE", "BATCH_MATMUL"]


def test_product_stays_integer_and_is_right_when_its_scales_were_not_heeded(
    tmp_path: Path,
) -> None:
    model = FIXTURES["ES029"].build()
    x = np.linspace(0.1, 1, 16, dtype=np.float32).reshape(1, 8, 2)
    table = 100 * np.array([0.1 * 4**i for i in range(8)], np.float32)
    wanted = np.broadcast_to(table @ x[0], (4, 2))
    step = 3000.0  # of the result's scale
    wrong = (run(model, x)[0][0].astype(np.float32) + 128) * step
    assert np.abs(wrong - wanted).max() > 10 * step
    write_model(model, tmp_path / "wrong.tflite")
    result = repair_file(tmp_path / "wrong.tflite", samples=({"x": x},))
    assert kinds(result.model) == ["QUANTIZE", "BATCH_MATMUL"]
    right = (run(result.model, x)[0][0].astype(np.float32) + 128) * step
    assert np.abs(right - wanted).max() <= step


def test_wrong_product_stays_when_no_output_shows_it_and_another_operator_fails(
    tmp_path: Path,
) -> None:
    wrong, failing = FIXTURES["ES029"].build().main, FIXTURES["ES010"].build().main
    failing.inputs[0].name, failing.outputs[0].name = "x2", "y2"
    real, nothing = value("real", (1, 4, 2)), value("nothing", (1, 4, 2))
    hidden = [
        new_operator("DEQUANTIZE", [wrong.outputs[0]], [real]),
        new_operator("MUL", [real, constant("0", np.float32(0))], [nothing],
                     fusedActivationFunction=0),
    ]  # fmt: skip
    built = model_of(
        [*wrong.inputs, *failing.inputs],
        [nothing, *failing.outputs],
        [*wrong.operators, *hidden, *failing.operators],
    )
    write_model(built, tmp_path / "both.tflite")
    x = np.linspace(0.1, 1, 16, dtype=np.float32).reshape(1, 8, 2)
    path, said = tmp_path / "both.tflite", list[str]()
    with Prober() as prober:
        result = repair(read_model(path), path, prober, samples=({"x": x},), say=said.append)
    assert {"ES029", "ES010"} <= {finding.code for finding in result.before.findings}
    assert [change.code for change in result.changes] == ["ES010"]
    assert result.after.runs
    assert "mending 1 BATCH_MATMUL, ES010" in said


def test_nothing_is_tried_when_the_time_is_up(tmp_path: Path) -> None:
    path, output = tmp_path / "failing.tflite", tmp_path / "same.tflite"
    write_model(FIXTURES["ES010"].build(), path)
    found = tflite.repair(path, output, time_limit_s=0)
    assert found.result.changes == ()
    (left,) = found.result.unmended
    assert left.code == "ES010" and "the time was up" in left.text


def damaged_layer(damage: str) -> Model:
    """An INT8 layer that LiteRT refuses, and no candidate can mend."""
    x, y = value("x", (1, 4), "INT8", 0.1), value("y", (1, 2), "INT8", 0.1)
    weights = constant("w", np.ones((2, 4), np.int8), scale=[0.1, 0.2])
    bias = constant("b", np.ones(2, np.float32))
    operator = new_operator("FULLY_CONNECTED", [x, weights, bias], [y], **PLAIN)
    if damage == "operands":
        del operator.inputs[1:]
    elif damage == "results":
        operator.outputs.clear()
    elif damage == "scales":
        x.quantization = Quantization(np.ones(3, np.float32), np.zeros(3, np.int64))
    elif damage == "options":  # of another kind
        x, y = value("x", (1, 2, 3)), value("y", (1, 4, 3))
        operator = new_operator(
            "CONV_2D", [constant("w", np.ones((1, 4, 2), np.int8), 0.1), x], [y], padding=1
        )
        operator.kind = "BATCH_MATMUL"
    return model_of([x], [y], [operator])


@pytest.mark.parametrize("damage", ["operands", "results", "scales", "options"])
def test_nothing_raises_when_an_operator_is_damaged(damage: str, tmp_path: Path) -> None:
    write_model(damaged_layer(damage), tmp_path / "broken.tflite")
    assert not repair_file(tmp_path / "broken.tflite").is_good


@pytest.mark.parametrize("errors", [(0.01, np.nan), (np.nan, 0.01), (np.nan,)])
def test_candidate_is_refused_when_its_error_is_no_number(errors: tuple[float, ...]) -> None:
    y = value("y", (4,), "INT8", 0.1)
    model = model_of([y], [y], [])
    sites = [Site(new_operator("NEG", [y], [y]), model.main) for _ in errors]
    by_site = dict(zip(map(id, sites), errors, strict=True))

    def trial(site: Site) -> Trials:
        return lambda candidate: CandidateMeasurement(by_site[id(site)], 0, 1.0)

    choice = choose(sites, trial, Preference.ACCURACY)
    assert choice.texts == []
    assert set(choice.refusals.values()) == {"its result is off: NMSE nan"}
