"""Looking around in a subgraph and rewiring it: all or nothing."""

from __future__ import annotations

import numpy as np
import pytest

from edgeseal.tflite.graph import Model, new_operator
from graphs import constant, made, model_of, run, value


def chain() -> Model:
    """Return out = -(|x| + 1) + |x|."""
    x, a, b, c, out = (value(name, [2]) for name in ("x", "a", "b", "c", "out"))
    operators = [
        new_operator("ABS", [x], [a]),
        new_operator("ADD", [a, constant("one", [1.0])], [b], potScaleInt16=False),
        new_operator("NEG", [b], [c]),
        new_operator("ADD", [c, a], [out], potScaleInt16=False),
    ]
    return model_of([x], [out], operators)


def test_readers_and_writers_are_found_when_asked() -> None:
    main = chain().main
    tensors = {tensor.name: tensor for tensor in main.tensors()}
    readers = {t.name: [o.outputs[0].name for o in rs] for t, rs in main.consumers().items()}
    assert readers == {
        "x": ["a"],
        "a": ["b", "out"],
        "one": ["b"],
        "b": ["c"],
        "c": ["out"],
        "out": [],
    }
    assert main.producers()[tensors["c"]].kind == "NEG"
    assert tensors["x"] not in main.producers()


def test_reader_is_listed_once_when_it_reads_a_tensor_twice() -> None:
    x, y = value("x", [2]), value("y", [2])
    model = model_of([x], [y], [new_operator("MUL", [x, x], [y])])
    assert model.main.consumers()[x] == model.main.operators


def test_uses_are_replaced_when_the_new_tensor_is_ready() -> None:
    model = chain()
    tensors = {tensor.name: tensor for tensor in model.main.tensors()}
    model.main.replace_uses(tensors["b"], tensors["a"])
    model.main.remove([made(model, "b")])
    x = np.array([-2, 3], np.float32)
    assert run(model, x)[0].tolist() == [0, 0]
    assert "one" not in {tensor.name for tensor in model.main.tensors()}


def test_only_the_named_operators_are_rewired_when_they_are_given() -> None:
    model = chain()
    tensors = {tensor.name: tensor for tensor in model.main.tensors()}
    model.main.replace_uses(tensors["a"], tensors["x"], by=[made(model, "out")])
    assert run(model, np.array([-2, 3], np.float32))[0].tolist() == [-5, -1]


def test_nothing_is_rewired_when_one_operator_would_run_too_early() -> None:
    model = chain()
    tensors = {tensor.name: tensor for tensor in model.main.tensors()}
    before = [list(operator.inputs) for operator in model.operators()]
    with pytest.raises(ValueError, match=r"ADD -> b.* runs before Tensor\('c'"):
        model.main.replace_uses(tensors["a"], tensors["c"])
    with pytest.raises(ValueError, match=r"NEG -> c.* does not read Tensor\('a'"):
        both = [made(model, "out"), made(model, "c")]
        model.main.replace_uses(tensors["a"], tensors["x"], by=both)
    assert [list(operator.inputs) for operator in model.operators()] == before


def test_nothing_is_removed_when_a_result_is_needed() -> None:
    model = chain()
    before = list(model.operators())
    for name in ("c", "out"):
        with pytest.raises(ValueError, match=f"'{name}'.* is needed"):
            model.main.remove([made(model, name)])
    with pytest.raises(ValueError, match="not in the subgraph"):
        model.main.remove([made(chain(), "c")])
    assert list(model.operators()) == before


def test_operators_are_removed_together_when_they_need_only_each_other() -> None:
    model = chain()
    model.main.outputs[:] = made(model, "a").outputs
    model.signatures.clear()
    model.main.remove([made(model, name) for name in ("out", "b", "c")])
    assert run(model, np.array([-2, 3], np.float32))[0].tolist() == [2, 3]
