"""A float model of three layers of which one does not matter, and inputs for it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgeseal.tflite.graph import (
    Buffer,
    Model,
    Signature,
    Subgraph,
    Tensor,
    new_operator,
    write_model,
)
from edgeseal.tflite.tuning import Task

WIDTH = 96
RUNS = 12


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """x -> first -> + small * second(x) -> last: ``second`` hardly reaches the result."""
    rng = np.random.default_rng(2)

    def weights(name: str, scale: float) -> Tensor:
        values = (scale * rng.standard_normal((WIDTH, WIDTH)) / WIDTH**0.5).astype(np.float32)
        return Tensor(name, values.shape, "FLOAT32", Buffer.of(values))

    def result(name: str) -> Tensor:
        return Tensor(name, (1, WIDTH), "FLOAT32")

    x, y = result("x"), result("y")
    first, second, total = result("first"), result("second"), result("total")
    operators = [
        new_operator("FULLY_CONNECTED", [x, weights("w1", 1.0)], [first]),
        new_operator("FULLY_CONNECTED", [x, weights("w2", 0.01)], [second]),
        new_operator("ADD", [first, second], [total], fusedActivationFunction=0),
        new_operator("FULLY_CONNECTED", [total, weights("w3", 1.0)], [y]),
    ]
    subgraph = Subgraph("main", [x], [y], operators)
    path = tmp_path_factory.mktemp("model") / "model.tflite"
    signature = Signature("serving_default", subgraph, {"x": x}, {"y": y})
    write_model(Model([subgraph], [signature]), path)
    return path


@pytest.fixture(scope="session")
def task() -> Task:
    rng = np.random.default_rng(3)
    inputs = [(rng.standard_normal((1, WIDTH)).astype(np.float32),) for _ in range(RUNS)]
    return Task("1 - NMSE(img)", inputs)
