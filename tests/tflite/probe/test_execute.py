"""Running a graph operator by operator gives what the whole gives, and goes on where it cannot."""

from __future__ import annotations

import numpy as np

from edgeseal.tflite.graph import Model, Signature, new_operator
from edgeseal.tflite.probe import ExecutedStep, Prober, ValueOrigin, cut, execute, float_twin
from edgeseal.tflite.workers import Status
from graphs import constant, model_of, run, value


def steps_of(model: Model, *arrays: np.ndarray) -> dict[str, ExecutedStep]:
    inputs = dict(zip(model.main.inputs, arrays, strict=True))
    with Prober() as prober:
        return {s.operator.outputs[0].name: s for s in execute(model.main, inputs, prober)}


def chain() -> Model:
    x, a, b = value("x", [4]), value("a", [4]), value("b", [4])
    y = value("y", [4], "INT8", scale=0.05)
    return model_of(
        [x],
        [y],
        [
            new_operator("MUL", [x, constant("w", [1.0, -2.0, 3.0, 0.5])], [a]),
            new_operator("GELU", [a], [b], approximate=False),
            new_operator("QUANTIZE", [b], [y]),
        ],
    )


def broken_chain() -> Model:
    """INT8 on the left of BATCH_MATMUL, between operators that run."""
    table = constant("table", np.array([[[10, 20], [-30, 40]]], np.int8), scale=0.01)
    x, a, y = value("x", [1, 2, 2]), value("a", [1, 2, 2]), value("y", [1, 2, 2])
    return model_of(
        [x],
        [y],
        [
            new_operator("BATCH_MATMUL", [table, x], [a], adjX=False, adjY=False),
            new_operator("NEG", [a], [y]),
        ],
    )


def test_last_step_equals_the_whole_when_everything_runs() -> None:
    x = np.array([0.5, 0.25, -1.0, 2.0], np.float32)
    steps = steps_of(chain(), x)
    assert all(step.origin is ValueOrigin.COMPUTED for step in steps.values())
    np.testing.assert_array_equal(steps["y"].outcome.outputs[0], run(chain(), x)[0])


def test_float_twin_stands_in_when_an_operator_is_refused() -> None:
    x = np.arange(4, dtype=np.float32).reshape(1, 2, 2)
    steps = steps_of(broken_chain(), x)
    assert steps["a"].outcome.status is Status.REFUSED
    assert steps["y"].origin is ValueOrigin.STAND_IN
    table = np.array([[0.1, 0.2], [-0.3, 0.4]], np.float32)
    np.testing.assert_allclose(steps["y"].outcome.outputs[0][0], -(table @ x[0]), rtol=1e-6)


def test_values_are_drawn_when_nothing_stands_in() -> None:
    x, a, y = value("x", [4]), value("a", [4]), value("y", [4])
    custom = new_operator("ABS", [x], [a])
    custom.kind, custom.is_custom = "Frobnicate", True
    steps = steps_of(model_of([x], [y], [custom, new_operator("NEG", [a], [y])]), np.ones(4, "f"))
    assert steps["a"].outcome.status is Status.REFUSED
    assert (steps["y"].origin, steps["y"].outcome.status) == (ValueOrigin.DRAWN, Status.RAN)


def test_operators_are_only_prepared_when_there_are_no_inputs() -> None:
    with Prober() as prober:
        steps = list(execute(chain().main, None, prober))
    assert [step.outcome.status for step in steps] == [Status.PREPARED] * 3


def test_equal_operators_give_equal_models_when_cut_out() -> None:
    x, a, b = value("x", [4]), value("a", [4]), value("b", [4])
    first, second = new_operator("NEG", [x], [a]), new_operator("NEG", [a], [b])
    names = [[t.name for t in cut([o]).model.main.tensors()] for o in (first, second)]
    assert names[0] == names[1] == ["t0", "t1"]


def test_cutting_leaves_the_original_alone() -> None:
    model = chain()
    names = [tensor.name for tensor in model.main.tensors()]
    cut(model.main.operators[1:])
    assert [tensor.name for tensor in model.main.tensors()] == names


def test_inner_values_are_no_inputs_when_several_operators_are_cut_out() -> None:
    piece = cut(chain().main.operators[:2], outputs=[chain().main.operators[1].outputs[0]])
    assert [tensor.name for tensor in piece.inputs] == ["x"]


def test_twin_is_float_throughout_when_an_operator_is_quantized() -> None:
    x = value("x", [1, 2], "INT8", scale=0.5, zero=1)
    w = constant("w", np.array([[2, 4], [6, 8]], np.int8), scale=[1.0, 0.5])
    y = value("y", [1, 2], "INT8", scale=0.1)
    twin = float_twin(new_operator("FULLY_CONNECTED", [x, w, None], [y]))
    piece = cut([twin])
    ends = {"x": piece.model.main.inputs[0]}, {"y": piece.model.main.outputs[0]}
    piece.model.signatures.append(Signature("main", piece.model.main, *ends))
    result = run(piece.model, np.array([[1.0, 10.0]], np.float32))[0]
    np.testing.assert_array_equal(result, [[42.0, 43.0]])
