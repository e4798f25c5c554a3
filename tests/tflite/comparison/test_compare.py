"""Errors are found where they arise, whatever the two files call their tensors."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from edgeseal.errors import UsageError
from edgeseal.tflite.comparison import (
    ComparedPart,
    Comparison,
    Means,
    ModelFile,
    OperatorError,
    compare,
)
from edgeseal.tflite.comparison._match import match
from edgeseal.tflite.graph import Model, Operator, Tensor, new_operator, write_model
from edgeseal.tflite.inputs import Sample, drawn_samples
from edgeseal.tflite.probe import Prober
from graphs import constant, model_of, run, value

WEIGHTS = np.random.default_rng(3).normal(size=(2, 6, 6)).astype(np.float32)
X = np.random.default_rng(4).uniform(-1, 1, (3, 6)).astype(np.float32)


def layer(source: Tensor, weights: Tensor, result: Tensor) -> Operator:
    return new_operator("FULLY_CONNECTED", [source, weights, None], [result], keepNumDims=True)


def chain(weights: np.ndarray = WEIGHTS, names: str = "x a b c y") -> Model:
    """x -> layer a -> NEG b -> layer c -> RESHAPE y."""
    x, a, b, c, y = (value(name, [3, 6]) for name in names.split())
    y.shape = (18,)
    return model_of(
        [x],
        [y],
        [
            layer(x, constant("w", weights[0]), a),
            new_operator("NEG", [a], [b]),
            layer(b, constant("v", weights[1]), c),
            new_operator("RESHAPE", [c, constant("shape", [18])], [y]),
        ],
    )


@pytest.fixture
def prober() -> Iterable[Prober]:
    with Prober() as prober:
        yield prober


class Comparer:
    """Compares models on given inputs."""

    def __init__(self, folder: Path, prober: Prober) -> None:
        self._folder = folder
        self._prober = prober

    def __call__(self, reference: Model, candidate: Model, *arrays: np.ndarray) -> Comparison:
        """Compare on real values, or on drawn ones if none are given."""
        files = self._file("a", reference), self._file("b", candidate)
        samples: Iterable[Sample] = drawn_samples(reference, candidate, 2)
        if arrays:
            sides = [dict(zip(m.main.inputs, arrays, strict=True)) for m in (reference, candidate)]
            samples = [Sample(*sides)]
        return compare(*files, samples, self._prober)

    def _file(self, name: str, model: Model) -> ModelFile:
        write_model(model, self._folder / f"{name}.tflite", overwrite=True)
        return ModelFile(self._folder / f"{name}.tflite", model)


@pytest.fixture
def comparer(tmp_path: Path, prober: Prober) -> Comparer:
    return Comparer(tmp_path, prober)


def writer_of(comparison: Comparison, name: str) -> OperatorError:
    return next(found for found in comparison.operators if found.operator.outputs[0].name == name)


def nsr(comparison: Comparison, name: str) -> list[float | None]:
    """Return own, arriving and leaving error of the operator that writes a tensor."""
    errors = [writer_of(comparison, name).part(part) for part in ComparedPart]
    return [None if error is None else error.nsr for error in errors]


def relative(values: np.ndarray, reference: np.ndarray) -> float:
    return float(np.square(values - reference).sum() / np.square(reference).sum())


def test_errors_are_exactly_zero_when_a_file_is_compared_with_itself(comparer: Comparer) -> None:
    found = comparer(chain(), chain(), X)
    assert [operator.means for operator in found.operators] == [Means.NAME] * 4
    for operator in found.operators:
        assert all(operator.part(part).is_exact for part in ComparedPart), operator
    assert found.outputs[0].error.is_exact
    assert found.outputs[0].sign_agreement == 1
    assert (found.missing, found.unmatched, found.failed) == ((), (), ())


def test_own_error_lies_where_weights_changed_when_all_else_is_equal(comparer: Comparer) -> None:
    changed = WEIGHTS.copy()
    changed[1] += 0.05
    found = comparer(chain(), chain(changed), X)
    a = X @ WEIGHTS[0].T
    expected = relative(-a @ changed[1].T, -a @ WEIGHTS[1].T)
    assert nsr(found, "a") == nsr(found, "b") == [0, 0, 0]
    assert nsr(found, "c") == pytest.approx([expected, 0, expected], rel=1e-5)
    assert nsr(found, "y") == pytest.approx([0, expected, expected], rel=1e-5)
    assert found.ranked(ComparedPart.OWN)[0].operator.outputs[0].name == "c"
    assert found.outputs[0].error.nsr == pytest.approx(expected, rel=1e-5)


def test_own_error_ignores_what_arrives_when_both_layers_changed(comparer: Comparer) -> None:
    changed = WEIGHTS + np.float32(0.05)
    found = comparer(chain(), chain(changed), X)
    a = X @ WEIGHTS[0].T
    alone = relative(-a @ changed[1].T, -a @ WEIGHTS[1].T)
    first = relative(X @ changed[0].T, a)
    both = relative(-(X @ changed[0].T) @ changed[1].T, -a @ WEIGHTS[1].T)
    assert nsr(found, "c") == pytest.approx([alone, first, both], rel=1e-5)


def test_errors_add_up_over_samples_when_several_are_given(comparer: Comparer) -> None:
    changed = chain(WEIGHTS + np.float32(0.1))
    found = comparer(chain(), changed)
    arrays = [next(iter(s.reference.values())) for s in drawn_samples(chain(), chain(), 2)]
    expected, real = ([run(m, x)[0] for x in arrays] for m in (chain(), changed))
    assert found.samples == 2
    assert nsr(found, "y")[2] == pytest.approx(relative(np.stack(real), np.stack(expected)))
    across = np.square(np.stack(real) - np.stack(expected)).mean() / np.var(expected, axis=0).mean()
    assert found.outputs[0].nmse_img == pytest.approx(across, rel=1e-5)
    signs = (np.stack(real) > 0) == (np.stack(expected) > 0)
    assert found.outputs[0].sign_agreement == pytest.approx(signs.mean())


def int8_chain(scale: float = 0.02) -> Model:
    """x -> QUANTIZE -> RESHAPE -> NEG by MUL -> DEQUANTIZE, named as the float one's tensors."""
    x, y = value("x", [3, 6]), value("y", [18])
    q, r = value("x_quantized", [3, 6], "INT8", scale), value("r", [18], "INT8", scale)
    m = value("m", [18], "INT8", 0.07)
    minus = constant("minus", np.full(1, -100, np.int8), scale=0.02)
    return model_of(
        [x],
        [y],
        [
            new_operator("QUANTIZE", [x], [q]),
            new_operator("RESHAPE", [q, constant("shape", [18])], [r]),
            new_operator("MUL", [r, minus], [m]),
            new_operator("DEQUANTIZE", [m], [y]),
        ],
    )


def float_chain() -> Model:
    x, r, m = value("x", [3, 6]), value("r", [18]), value("m", [18])
    y = m
    return model_of(
        [x],
        [y],
        [
            new_operator("RESHAPE", [x, constant("shape", [18])], [r]),
            new_operator("MUL", [r, constant("minus", [-2.0])], [y]),
        ],
    )


def test_rounding_counts_once_when_integers_are_passed_on(comparer: Comparer) -> None:
    found = comparer(float_chain(), int8_chain(), X)
    rounded = np.rint(X / np.float32(0.02)) * np.float32(0.02)
    rounding = relative(rounded, X)
    assert nsr(found, "x_quantized") == pytest.approx([rounding, 0, rounding], rel=1e-4)
    assert nsr(found, "r") == pytest.approx([0, rounding, rounding], rel=1e-4)
    product = -2 * rounded.reshape(-1)
    result = np.rint(product / np.float32(0.07)) * np.float32(0.07)
    own, arriving, leaving = nsr(found, "m")
    assert own == pytest.approx(relative(result, product), rel=1e-3)
    assert arriving == pytest.approx(rounding, rel=1e-4)
    assert leaving == pytest.approx(nsr(found, "y")[2])
    assert nsr(found, "y")[0] == 0
    assert [o.means for o in found.operators] == [None, Means.NAME, Means.NAME, None]
    assert (found.missing, found.unmatched) == ((), ())


def test_conversions_are_passed_when_the_reference_is_the_quantized_one(
    comparer: Comparer,
) -> None:
    found = comparer(int8_chain(), float_chain(), X)
    assert [operator.means for operator in found.operators] == [Means.NAME] * 2
    assert found.missing == ()
    assert nsr(found, "r")[2] == pytest.approx(relative(X, np.rint(X / 0.02) * 0.02), rel=1e-3)


def test_leaving_error_is_that_of_the_outputs_when_the_file_runs(comparer: Comparer) -> None:
    found = comparer(float_chain(), int8_chain(), X)
    real, expected = run(int8_chain(), X)[0], run(float_chain(), X)[0]
    assert nsr(found, "y")[2] == pytest.approx(relative(real, expected), rel=1e-6)
    assert found.outputs[0].error.nsr == pytest.approx(relative(real, expected), rel=1e-6)
    assert found.outputs[0].error.max_abs == pytest.approx(np.abs(real - expected).max())


def test_operators_match_by_structure_when_names_differ(comparer: Comparer) -> None:
    found = comparer(chain(), chain(names="in p q r out"), X)
    assert [operator.means for operator in found.operators] == [Means.STRUCTURE] * 3 + [Means.NAME]
    assert all(error.part(ComparedPart.LEAVING).is_exact for error in found.operators)
    kept = [o.counterpart.outputs[0].name for o in found.operators if o.counterpart]
    assert kept == ["a", "b", "c", "y"]


def branches(names: str, count: int = 3) -> Model:
    """Layers of the same kind and shapes on one input, summed up."""
    x, y = value("x", [3, 6]), value("y", [3, 6])
    results = [value(f"{names}{i}", [3, 6]) for i in range(count)]
    layers = [
        layer(x, constant(f"w{i}", WEIGHTS[0] * (i + 1)), result)
        for i, result in enumerate(results)
    ]
    return model_of([x], [y], [*layers, new_operator("ADD_N", [*results], [y])])


def test_siblings_match_in_order_when_they_have_one_structure(comparer: Comparer) -> None:
    found = comparer(branches("a"), branches("b"), X)
    assert [error.part(ComparedPart.OWN).is_exact for error in found.operators] == [True] * 4
    assert [o.means for o in found.operators] == [Means.STRUCTURE] * 3 + [Means.NAME]


def test_operators_are_listed_when_there_is_a_choice(comparer: Comparer) -> None:
    found = comparer(branches("a", 2), branches("b", 3), X)
    assert [operator.operator.kind for operator in found.unmatched] == []
    assert [operator.outputs[0].name for operator in found.missing] == ["a0", "a1"]
    assert writer_of(found, "b0").part(ComparedPart.OWN) is None
    assert writer_of(found, "y").part(ComparedPart.OWN).nsr > 0


def detour(names: str, kind: str) -> Model:
    """x -> unary operator -> layer -> y, which another operator follows."""
    x, y = value("x", [3, 6]), value("y", [3, 6])
    a, b = value(f"{names}1", [3, 6]), value(f"{names}2", [3, 6])
    return model_of(
        [x],
        [y],
        [
            new_operator(kind, [x], [a]),
            layer(a, constant("w", WEIGHTS[0]), b),
            new_operator("NEG", [b], [y]),
        ],
    )


def test_operators_match_by_position_when_what_is_before_them_differs(
    comparer: Comparer,
) -> None:
    found = comparer(detour("a", "ABS"), detour("b", "SQUARE"), X)
    means = {o.operator.kind: o.means for o in found.operators}
    assert means == {"SQUARE": None, "FULLY_CONNECTED": Means.POSITION, "NEG": Means.NAME}
    assert [operator.kind for operator in found.missing] == ["ABS"]
    assert [o.operator.kind for o in found.unmatched] == []  # a part of the layer's inputs
    own = relative(np.square(X) @ WEIGHTS[0].T, np.abs(X) @ WEIGHTS[0].T)
    assert nsr(found, "b2")[0] == pytest.approx(own, rel=1e-5)


def test_a_name_alone_matches_nothing_when_it_means_something_else(comparer: Comparer) -> None:
    """Numbers in generated names shift when a graph changes."""
    x, y = value("x", [3, 6]), value("y", [3, 6])
    t1, t2 = value("t1", [3, 6]), value("t2", [3, 6])
    other = model_of(
        [x],
        [y],
        [
            new_operator("ABS", [x], [t2]),
            new_operator("SQUARE", [t2], [t1]),
            new_operator("NEG", [t1], [y]),
        ],
    )
    x, y = value("x", [3, 6]), value("y", [3, 6])
    t1, t2 = value("t1", [3, 6]), value("t2", [3, 6])
    reference = model_of(
        [x],
        [y],
        [
            new_operator("ABS", [x], [t1]),
            new_operator("SQUARE", [t1], [t2]),
            new_operator("NEG", [t2], [y]),
        ],
    )
    found = comparer(reference, other, X)
    assert [o.means for o in found.operators] == [Means.STRUCTURE] * 2 + [Means.NAME]
    assert all(error.part(ComparedPart.LEAVING).is_exact for error in found.operators)


def product(*, swapped: bool) -> Model:
    """y = -(table @ x), or the same by (x' @ table')'."""
    table = np.random.default_rng(5).normal(size=(1, 6, 6)).astype(np.float32)
    x, m, y = value("x", [1, 6, 6]), value("m", [1, 6, 6]), value("y", [1, 6, 6])
    operators = [new_operator("BATCH_MATMUL", [constant("t", table), x], [m])]
    if swapped:
        turned, inner = value("turned", [1, 6, 6]), value("inner", [1, 6, 6])
        order = constant("order", [0, 2, 1])
        right = constant("right", np.ascontiguousarray(table.transpose(0, 2, 1)) + np.float32(0.01))
        operators = [
            new_operator("TRANSPOSE", [x, order], [turned]),
            new_operator("BATCH_MATMUL", [turned, right], [inner]),
            new_operator("TRANSPOSE", [inner, order], [m]),
        ]
    return model_of([x], [y], [*operators, new_operator("NEG", [m], [y])])


def test_replaced_operators_are_measured_as_one_when_results_keep_their_names(
    comparer: Comparer,
) -> None:
    x = np.random.default_rng(6).normal(size=(1, 6, 6)).astype(np.float32)
    reference, candidate = product(swapped=False), product(swapped=True)
    found = comparer(reference, candidate, x)
    expected = relative(run(candidate, x)[0], run(reference, x)[0])
    assert nsr(found, "m") == pytest.approx([expected, 0, expected], rel=1e-5)
    assert writer_of(found, "m").counterpart is None
    assert nsr(found, "inner") == [None, None, None]
    assert (found.unmatched, found.missing) == ((), ())


def test_rounding_of_weights_is_own_error_when_they_are_unpacked_before(
    comparer: Comparer,
) -> None:
    stored = np.clip(np.rint(WEIGHTS[0] / 0.02), -127, 127).astype(np.int8)
    x, y, w = value("x", [3, 6]), value("y", [3, 6]), value("w_dequant", [6, 6])
    operators = [
        new_operator("DEQUANTIZE", [constant("w", stored, scale=0.02)], [w]),
        layer(x, w, y),
    ]
    plain_x, plain_y = value("x", [3, 6]), value("y", [3, 6])
    reference = model_of([plain_x], [plain_y], [layer(plain_x, constant("w", WEIGHTS[0]), plain_y)])
    found = comparer(reference, model_of([x], [y], operators), X)
    expected = relative(X @ (stored * np.float32(0.02)).T, X @ WEIGHTS[0].T)
    assert nsr(found, "y") == pytest.approx([expected, 0, expected], rel=1e-4)
    assert found.unmatched == ()


def renamed_result() -> Model:
    """As TensorFlow names it: the DEQUANTIZE has the float file's name, its source a new one."""
    model = int8_chain()
    dequantize = model.main.operators[-1]
    dequantize.inputs[0].name, dequantize.outputs[0].name = "m1", "m"
    return model


def test_operators_match_when_the_conversion_behind_them_has_the_name(comparer: Comparer) -> None:
    found = comparer(float_chain(), renamed_result(), X)
    assert writer_of(found, "m1").counterpart.kind == "MUL"
    assert nsr(found, "m1")[0] > 0
    assert nsr(found, "m")[0] == 0
    assert found.missing == ()


def broken(*, is_broken: bool = True) -> Model:
    """NEG -> INT8 (or float) table on the left of BATCH_MATMUL -> NEG."""
    stored = np.array([[[10, 20], [-30, 40]]], np.int8)
    table = constant("table", stored, scale=0.01)
    if not is_broken:
        table = constant("table", stored * np.float32(0.01))
    x, a, b, y = (value(name, [1, 2, 2]) for name in "xaby")
    return model_of(
        [x],
        [y],
        [
            new_operator("NEG", [x], [a]),
            new_operator("BATCH_MATMUL", [table, a], [b]),
            new_operator("NEG", [b], [y]),
        ],
    )


@pytest.mark.parametrize("side", ["reference", "candidate"])
def test_float_twins_stand_in_when_a_file_does_not_run(side: str, comparer: Comparer) -> None:
    x = np.arange(4, dtype=np.float32).reshape(1, 2, 2)
    models = broken(is_broken=side == "reference"), broken(is_broken=side == "candidate")
    found = comparer(*models, x)
    refusals = {"reference": found.reference_refusal, "candidate": found.candidate_refusal}
    assert "BATCH_MATMUL" in refusals.pop(side)
    assert [*refusals.values()] == [""]
    assert found.error.nsr == pytest.approx(0, abs=1e-12)
    assert nsr(found, "y")[1:] == pytest.approx([0, 0], abs=1e-12)
    if side == "candidate":
        (failed,) = found.failed
        assert failed.operator.kind == "BATCH_MATMUL"
        assert failed.part(ComparedPart.OWN) is None


def test_values_that_are_not_finite_are_counted_when_only_one_file_has_them(
    comparer: Comparer,
) -> None:
    def root(shift: float) -> Model:
        x, a, y = (value(name, [4]) for name in "xay")
        add = new_operator("ADD", [x, constant("shift", [float(shift)])], [a])
        return model_of([x], [y], [add, new_operator("SQRT", [a], [y])])

    x = np.array([0.5, 1, 2, 3], np.float32)
    found = comparer(root(0), root(-1.5), x)
    own, arriving, leaving = (writer_of(found, "y").part(part) for part in ComparedPart)
    assert own.is_exact
    assert (arriving.not_finite, leaving.not_finite) == (0, 2)
    assert found.error.severity == np.inf


@pytest.mark.parametrize(
    ("end", "shape"), [("inputs", "[3, 6]"), ("outputs", "[18]")], ids=["inputs", "outputs"]
)
def test_files_are_refused_when_their_ends_differ(end: str, shape: str, comparer: Comparer) -> None:
    other = chain()
    tensor = getattr(other.main, end)[0]
    tensor.shape = (2, *tensor.shape)
    with pytest.raises(UsageError, match=rf"other {end} .*against \{shape[:-1]}"):
        comparer(chain(), other, X)


def test_overlay_has_a_number_for_every_measured_operator(comparer: Comparer) -> None:
    found = comparer(chain(), chain(WEIGHTS + np.float32(0.1)), X)
    values = found.values(ComparedPart.LEAVING)
    assert list(values) == [error.operator for error in found.operators]
    assert values[writer_of(found, "c").operator] == nsr(found, "c")[2]


def test_stored_types_do_not_matter_when_values_are_equal(comparer: Comparer) -> None:
    """The same numbers, once in UINT8 and once in INT8."""

    def moved(dtype: str, zero: int) -> Model:
        x, y = value("x", [4], dtype, 0.5, zero), value("y", [2, 2], dtype, 0.5, zero)
        return model_of([x], [y], [new_operator("RESHAPE", [x, constant("s", [2, 2])], [y])])

    found = comparer(moved("UINT8", 128), moved("INT8", 0))
    assert found.error.is_exact
    assert nsr(found, "y") == [0, 0, 0]


def test_matching_ends_when_conversions_lead_in_circles(tmp_path: Path) -> None:
    model = int8_chain()
    quantize, reshape, multiply, dequantize = model.main.operators
    quantize.inputs[0] = dequantize.outputs[0]
    reference = match(float_chain().main, model.main)
    assert {operator.kind for operator in reference.operators} <= {"RESHAPE", "MUL"}
    assert match(model.main, model.main).tensors[multiply.outputs[0]] is multiply.outputs[0]
    assert match(model.main, model.main).operators[reshape].operator is reshape


def test_weights_count_in_their_layer_when_both_files_unpack_them(comparer: Comparer) -> None:
    def halved(weights: np.ndarray) -> Model:
        x, w, y = value("x", [3, 6]), value("w", [6, 6]), value("y", [3, 6])
        stored = constant("stored", weights.astype(np.float16))
        return model_of([x], [y], [new_operator("DEQUANTIZE", [stored], [w]), layer(x, w, y)])

    changed = WEIGHTS[0] + np.float32(0.05)
    found = comparer(halved(WEIGHTS[0]), halved(changed), X)
    exact = X @ WEIGHTS[0].astype(np.float16).astype(np.float32).T
    expected = relative(X @ changed.astype(np.float16).astype(np.float32).T, exact)
    assert nsr(found, "y") == pytest.approx([expected, 0, expected], rel=1e-3)
    assert nsr(found, "w") == [None, None, None]
    assert (found.unmatched, found.missing) == ((), ())
    same = comparer(halved(changed), halved(changed), X)
    assert nsr(same, "y") == [0, 0, 0]


def test_operators_without_results_are_no_mismatch(comparer: Comparer) -> None:
    def with_silent() -> Model:
        model = chain()
        model.main.operators.append(Operator("NOTHING", [model.main.inputs[0]], [], is_custom=True))
        return model

    found = comparer(with_silent(), with_silent(), X)
    assert (found.unmatched, found.missing) == ((), ())
