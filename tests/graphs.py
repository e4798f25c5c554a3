"""Small graphs, built in code and run by LiteRT."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from edgeseal.tflite.graph import (
    Buffer,
    Model,
    Operator,
    Quantization,
    Signature,
    Subgraph,
    Tensor,
    new_operator,
    serialize,
)

DTYPES = {
    np.dtype(np.float32): "FLOAT32",
    np.dtype(np.float16): "FLOAT16",
    np.dtype(np.int8): "INT8",
    np.dtype(np.int16): "INT16",
    np.dtype(np.int32): "INT32",
    np.dtype(np.int64): "INT64",
    np.dtype(np.bool_): "BOOL",
}


def value(
    name: str,
    shape: Sequence[int],
    dtype: str = "FLOAT32",
    scale: float | None = None,
    zero: int = 0,
) -> Tensor:
    """Return a tensor that is computed, quantized if it has a scale."""
    return Tensor(name, tuple(shape), dtype, quantization=scales(scale, zero))


def constant(name: str, values: Any, scale: Any = None, zero: int = 0, axis: int = 0) -> Tensor:
    """Return a constant; lists become INT32 or FLOAT32."""
    array = np.asarray(values)
    if array.dtype == np.int64 and not isinstance(values, np.ndarray):
        array = array.astype(np.int32)
    if array.dtype == np.float64:
        array = array.astype(np.float32)
    dtype = DTYPES[array.dtype]
    return Tensor(name, array.shape, dtype, Buffer.of(array), scales(scale, zero, axis))


def scales(scale: Any, zero: int = 0, axis: int = 0) -> Quantization | None:
    if scale is None:
        return None
    array = np.atleast_1d(np.asarray(scale, np.float32))
    return Quantization(array, np.full(array.shape, zero, np.int64), axis)


def reshape(source: Tensor, result: Tensor) -> Operator:
    return new_operator("RESHAPE", [source, constant("shape", list(result.shape))], [result])


def model_of(inputs: list[Tensor], outputs: list[Tensor], operators: list[Operator]) -> Model:
    main = Subgraph("main", inputs, outputs, operators)
    ends = [{tensor.name: tensor for tensor in side} for side in (inputs, outputs)]
    return Model([main], [Signature("serving_default", main, *ends)])


def run(model: Model, *arrays: np.ndarray) -> list[np.ndarray]:
    """Run a model in LiteRT.

    Raises:
        RuntimeError: LiteRT refuses it.
    """
    interpreter = Interpreter(model_content=bytes(serialize(model)), num_threads=1)
    interpreter.allocate_tensors()
    for detail, array in zip(interpreter.get_input_details(), arrays, strict=True):
        interpreter.set_tensor(detail["index"], array)
    interpreter.invoke()
    return [interpreter.get_tensor(d["index"]).copy() for d in interpreter.get_output_details()]


def made(model: Model, name: str) -> Operator:
    """Return the operator that makes the tensor of that name."""
    return next(o for o in model.operators() if any(t.name == name for t in o.outputs))


def kinds(model: Model) -> list[str]:
    return [operator.kind for operator in model.operators()]
