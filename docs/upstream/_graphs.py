"""Builds one-operator models for the scripts beside it."""

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from edgeseal.tflite.devices import DeviceModel
from edgeseal.tflite.graph import (
    Buffer,
    Model,
    Operator,
    Quantization,
    Signature,
    Subgraph,
    Tensor,
    write_model,
)
from edgeseal.tflite.graph import serialize as to_bytes

TYPES = {"float32": "FLOAT32", "int8": "INT8", "int32": "INT32"}


def constant(name: str, values: np.ndarray, scale: Any = None, axis: int = 0) -> Tensor:
    """Return a constant, with a scale or one per position along an axis."""
    quantization = None
    if scale is not None:
        scales = np.atleast_1d(np.asarray(scale, np.float32))
        quantization = Quantization(scales, np.zeros(scales.shape, np.int64), axis)
    dtype = TYPES[str(values.dtype)]
    return Tensor(name, values.shape, dtype, Buffer.of(values), quantization)


def per_tensor(scale: float, zero_point: int = 0) -> Quantization:
    """Return one scale and zero point for a whole tensor."""
    return Quantization(np.array([scale], np.float32), np.array([zero_point], np.int64))


def interpreter(x: Tensor, y: Tensor, operator: Operator, *, delegate: bool = True) -> Interpreter:
    """Return LiteRT, one thread, with a model of one operator from ``x`` to ``y``.

    What else the operator reads and is no constant is an input too.
    """
    from ai_edge_litert.interpreter import OpResolverType

    inputs = [t for t in operator.inputs if t is not None and not t.is_constant]
    main = Subgraph("main", inputs, [y], [operator])
    names = {tensor.name: tensor for tensor in inputs}
    model = Model([main], [Signature("serving_default", main, names, {"y": y})])
    plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    kernels = OpResolverType.AUTO if delegate else plain
    made = Interpreter(
        model_content=bytes(to_bytes(model)), num_threads=1, experimental_op_resolver_type=kernels
    )
    made.allocate_tensors()
    return made


def on_device(device: str, *parts: Operator | np.ndarray) -> tuple[np.ndarray, ...]:
    """Run operators on a device, as ``edgeseal check --on`` does, and return what the last gives.

    Args:
        device: such as ``gpu``.
        parts: operators in their order, then an array for each input.
    """
    operators = [part for part in parts if isinstance(part, Operator)]
    arrays = tuple(part for part in parts if not isinstance(part, Operator))
    made = {tensor for operator in operators for tensor in operator.outputs}
    read = [t for operator in operators for t in operator.inputs if t is not None]
    inputs = list(dict.fromkeys(t for t in read if not t.is_constant and t not in made))
    main = Subgraph("main", inputs, list(operators[-1].outputs), operators)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.tflite"
        write_model(Model([main]), path)
        with DeviceModel(path, device) as model:
            return model.run(arrays)


def best_ms(made: Interpreter, count: int = 20) -> float:
    """Return the shortest processor time of several runs on random inputs."""
    rng = np.random.default_rng(0)
    for details in made.get_input_details():
        values = rng.normal(size=details["shape"]) * (50 if details["dtype"] == np.int8 else 1)
        made.set_tensor(details["index"], values.clip(-127, 127).astype(details["dtype"]))
    times = []
    for _ in range(count + 1):
        start = time.process_time()
        made.invoke()
        times.append(time.process_time() - start)
    return 1e3 * min(times[1:])


def run(made: Interpreter, x: np.ndarray) -> np.ndarray:
    """Return the output for one input."""
    made.set_tensor(made.get_input_details()[0]["index"], x)
    made.invoke()
    return made.get_tensor(made.get_output_details()[0]["index"]).copy()
