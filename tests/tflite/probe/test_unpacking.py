"""Weights that are unpacked first are still weights when an operator is tried alone."""

from __future__ import annotations

import numpy as np

from edgeseal.tflite.graph import Model, new_operator
from edgeseal.tflite.probe import ExecutedStep, Prober, Unpacking, ValueOrigin, execute
from edgeseal.tflite.workers import Status
from graphs import constant, model_of, run, value

X = np.random.default_rng(0).normal(size=(8, 8)).astype(np.float32)


def halved(*, is_broken: bool = False) -> Model:
    """A layer with FLOAT16 weights; or with INT32 ones, which DEQUANTIZE does not take."""
    stored = X.astype(np.int32) if is_broken else X.astype(np.float16)
    x, w, y = value("x", [8, 8]), value("w", [8, 8]), value("y", [8, 8])
    return model_of(
        [x],
        [y],
        [
            new_operator("DEQUANTIZE", [constant("stored", stored)], [w]),
            new_operator("FULLY_CONNECTED", [x, w, None], [y]),
        ],
    )


def steps_of(model: Model, *, is_run: bool = True) -> dict[str, ExecutedStep]:
    inputs = {model.main.inputs[0]: X} if is_run else None
    with Prober() as prober:
        return {step.operator.kind: step for step in execute(model.main, inputs, prober)}


def test_delegate_takes_the_layer_when_its_weights_are_unpacked_before() -> None:
    ran, prepared = steps_of(halved()), steps_of(halved(), is_run=False)
    assert ran["FULLY_CONNECTED"].outcome.delegated == 1
    assert prepared["FULLY_CONNECTED"].outcome.delegated == 1
    result = ran["FULLY_CONNECTED"].outcome.outputs[0]
    np.testing.assert_array_equal(result, run(halved(), X)[0])
    assert len(ran["FULLY_CONNECTED"].inputs) == 2  # the contract: as the operator alone has them


def test_layer_is_not_blamed_when_the_unpacking_fails() -> None:
    steps = steps_of(halved(is_broken=True))
    assert steps["DEQUANTIZE"].outcome.status is Status.REFUSED
    assert steps["FULLY_CONNECTED"].outcome.status is Status.RAN
    assert steps["FULLY_CONNECTED"].origin is not ValueOrigin.COMPUTED


def test_only_constants_count_when_operators_dequantize() -> None:
    model = halved()
    unpack, layer = model.main.operators
    unpacking = Unpacking(model.main)
    assert unpacking.before(layer) == [unpack]
    assert unpacking.before(unpack) == []
    assert unpacking.is_result(layer.inputs[1])
    assert not unpacking.is_result(layer.inputs[0])
    unpack.inputs[0] = value("computed", [8, 8], "FLOAT16")
    assert Unpacking(model.main).before(layer) == []


def test_search_ends_when_a_damaged_file_leads_in_circles() -> None:
    model = halved()
    unpack, layer = model.main.operators
    unpack.inputs[0] = unpack.outputs[0]
    assert Unpacking(model.main).before(layer) == []
