"""Fingerprints change with what a graph computes, and with nothing else."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgeseal.tflite.calibration import Calibration, fingerprint, inputs_from, tensor_keys
from edgeseal.tflite.graph import (
    Buffer,
    Model,
    Signature,
    Subgraph,
    new_operator,
    read_model,
    write_model,
)
from graphs import constant, model_of, value


def chain() -> Model:
    x, h, y = value("x", [1, 4]), value("h", [1, 3]), value("y", [1, 3])
    weights = constant("w", np.arange(12, dtype=np.float32).reshape(3, 4))
    linear = new_operator("FULLY_CONNECTED", [x, weights, None], [h])
    return model_of([x], [y], [linear, new_operator("LEAKY_RELU", [h], [y], alpha=0.1)])


def set_alpha(model: Model) -> None:
    model.main.operators[1].options.alpha = 0.2


def set_kind(model: Model) -> None:
    model.main.operators[1].kind = "ABS"


def set_weight(model: Model) -> None:
    weights = model.main.operators[0].inputs[1]
    assert weights is not None
    values = np.arange(12, dtype=np.float32)
    values[7] = np.nextafter(values[7], np.float32(9))
    weights.buffer = Buffer.of(values)


def set_name(model: Model) -> None:
    model.main.outputs[0].name = "z"


def set_shape(model: Model) -> None:
    model.main.inputs[0].shape = (2, 4)


def set_type(model: Model) -> None:
    model.main.inputs[0].dtype = "FLOAT16"


def add_bias(model: Model) -> None:
    model.main.operators[0].inputs[2] = constant("b", np.zeros(3, np.float32))


def show_middle(model: Model) -> None:
    model.main.outputs.insert(0, model.main.operators[0].outputs[0])


CHANGES = [
    set_alpha, set_kind, set_weight, set_name, set_shape, set_type, add_bias,
    show_middle,
]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_fingerprint_is_another_when_the_graph_changes(change: Callable[[Model], None]) -> None:
    model = chain()
    change(model)
    assert fingerprint(model) != fingerprint(chain())


def test_fingerprints_are_all_different_when_changes_are() -> None:
    found = {fingerprint(chain())}
    for change in CHANGES:
        model = chain()
        change(model)
        found.add(fingerprint(model))
    assert len(found) == len(CHANGES) + 1


def test_fingerprint_stays_when_only_descriptions_change(tmp_path: Path) -> None:
    model = chain()
    model.description = "another"
    model.metadata["author"] = b"someone"
    model.main.name = "other"
    main = model.main
    model.signatures[:] = [
        Signature("renamed", main, {"a": main.inputs[0]}, {"b": main.outputs[0]})
    ]
    assert fingerprint(model) == fingerprint(chain())
    write_model(model, tmp_path / "model.tflite")
    assert fingerprint(read_model(tmp_path / "model.tflite")) == fingerprint(chain())


def test_fingerprint_tells_wiring_apart_when_names_are_the_same() -> None:
    def twins(*, is_crossed: bool) -> Model:
        a, b, y = value("t", [2]), value("t", [2]), value("y", [2])
        pair = [b, a] if is_crossed else [a, b]
        return model_of([a, b], [y], [new_operator("SUB", pair, [y], fusedActivationFunction=0)])

    assert fingerprint(twins(is_crossed=False)) != fingerprint(twins(is_crossed=True))


def test_fingerprint_covers_functions_when_a_model_has_several() -> None:
    def with_function(kind: str) -> Model:
        model = chain()
        a, b = value("a", [2]), value("b", [2])
        model.subgraphs.append(Subgraph("other", [a], [b], [new_operator(kind, [a], [b])]))
        return model

    assert fingerprint(with_function("ABS")) != fingerprint(with_function("NEG"))


@pytest.mark.parametrize(
    "names",
    [
        ["a", "b", "c"],
        ["a", "a", "a"],
        ["a", "a#2", "a"],  # a name that looks like a number of ours
        ["a", "a", "a#2", "a#2"],
        ["", "", "#2"],
    ],
)
def test_keys_are_all_different_when_names_repeat(names: list[str]) -> None:
    tensors = [value(name, [2]) for name in names]
    operators = [new_operator("ABS", [one], [other]) for one, other in itertools.pairwise(tensors)]
    keys = tensor_keys(Subgraph("main", tensors[:1], tensors[-1:], operators))
    assert list(keys) == tensors
    assert len(set(keys.values())) == len(names)
    assert keys[tensors[0]] == names[0]


def test_tensors_keep_ranges_of_their_own_when_a_name_looks_numbered(tmp_path: Path) -> None:
    """Two tensors under one key would share their statistics."""
    from PIL import Image

    Image.new("RGB", (8, 8), (255, 255, 255)).save(tmp_path / "white.png")
    x = value("t", [1, 8, 8, 3])
    large, small = value("t#2", [1, 8, 8, 3]), value("t", [1, 8, 8, 3])
    nine = constant("c", np.float32(9))
    operators = [
        new_operator("ADD", [x, nine], [large], fusedActivationFunction=0),
        new_operator("SQUARE", [x], [small]),
    ]
    model = model_of([x], [small], operators)
    observed = Calibration.on(model, inputs_from([tmp_path])).observe(model)
    assert [observed[tensor].high for tensor in (x, large, small)] == [1, 10, 1]
    assert observed[large].pictures == observed[small].pictures == 1
