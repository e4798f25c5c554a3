"""Files as other tools may write them: the schema's records, changed and packed again."""

from __future__ import annotations

from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edgeseal.tflite.graph import (
    Buffer,
    Model,
    Signature,
    Subgraph,
    Tensor,
    deserialize,
    new_operator,
    serialize,
)
from graphs import constant, model_of, value


def small_model() -> Model:
    """y = x @ [[1, 2], [3, 4]]^T + [10, 20], with metadata."""
    weights = np.array([[1, 2], [3, 4]], np.float32)
    x = Tensor("x", (1, 2), "FLOAT32")
    y = Tensor("y", (1, 2), "FLOAT32")
    w = Tensor("w", (2, 2), "FLOAT32", Buffer.of(weights))
    b = Tensor("b", (2,), "FLOAT32", Buffer.of(np.array([10, 20], np.float32)))
    layer = new_operator("FULLY_CONNECTED", [x, w, b], [y], keepNumDims=True)
    main = Subgraph("main", [x], [y], [layer])
    return Model(
        [main],
        signatures=[Signature("serving_default", main, {"in": x}, {"out": y})],
        metadata={"note": b"kept \x00 whole"},
        description="a test",
    )


def large_model() -> Model:
    """Return layers of 32 inputs with 4 kB of weights each, two of which share theirs."""
    x = value("x", [1, 32])
    rng = np.random.default_rng(0)
    shared = Buffer.of(rng.normal(size=(32, 32)).astype(np.float32))
    operators, source = [], x
    for index in range(4):
        result = value(f"y{index}", [1, 32])
        weights = constant(f"w{index}", rng.normal(size=(32, 32)).astype(np.float32))
        if index in (1, 2):
            weights.buffer = shared
        bias = constant(f"b{index}", np.full(32, index, np.float32))
        layer = new_operator("FULLY_CONNECTED", [source, weights, bias], [result], keepNumDims=True)
        operators.append(layer)
        source = result
    model = model_of([x], [source], operators)
    model.metadata = {"note": b"n" * 2000}
    return model


def record_of(content: Model | bytes) -> Any:
    """Return the schema's record of a model or a file."""
    data = serialize(content) if isinstance(content, Model) else content
    return schema.ModelT.InitFromObj(schema.Model.GetRootAs(data, 0))


def again(content: Model | bytes) -> Model:
    """Return a model as it is after being written and read."""
    data = serialize(content) if isinstance(content, Model) else content
    model = deserialize(data)
    assert serialize(deserialize(serialize(model))) == serialize(model)
    return model


def packed(record: Any) -> bytes:
    """Return the file of a record, as the stock builder writes it."""
    builder = flatbuffers.Builder(1024)
    builder.Finish(record.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def record_named(records: list[Any], name: str) -> Any:
    """Return the record of that name."""
    return next(record for record in records if record.name == name.encode())


def index_named(records: list[Any], name: str) -> int:
    """Return the place of the record of that name."""
    return records.index(record_named(records, name))
