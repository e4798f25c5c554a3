"""Builds one-operator models for the scripts beside it."""

from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from edgeseal.graph import Buffer, Model, Operator, Quantization, Signature, Subgraph, Tensor
from edgeseal.graph import serialize as to_bytes

TYPES = {"float32": "FLOAT32", "int8": "INT8", "int32": "INT32"}


def constant(name: str, values: np.ndarray, scale: Any = None, axis: int = 0) -> Tensor:
    """Return a constant, with a scale or one per position along an axis."""
    quantization = None
    if scale is not None:
        scales = np.atleast_1d(np.asarray(scale, np.float32))
        quantization = Quantization(scales, np.zeros(scales.shape, np.int64), axis)
    dtype = TYPES[str(values.dtype)]
    return Tensor(name, values.shape, dtype, Buffer.of(values), quantization)


def interpreter(x: Tensor, y: Tensor, operator: Operator, *, delegate: bool = True) -> Interpreter:
    """Return LiteRT, one thread, with a model of one operator from ``x`` to ``y``."""
    from ai_edge_litert.interpreter import OpResolverType

    main = Subgraph("main", [x], [y], [operator])
    model = Model([main], [Signature("serving_default", main, {"x": x}, {"y": y})])
    plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    kernels = OpResolverType.AUTO if delegate else plain
    made = Interpreter(
        model_content=bytes(to_bytes(model)), num_threads=1, experimental_op_resolver_type=kernels
    )
    made.allocate_tensors()
    return made


def run(made: Interpreter, x: np.ndarray) -> np.ndarray:
    """Return the output for one input."""
    made.set_tensor(made.get_input_details()[0]["index"], x)
    made.invoke()
    return made.get_tensor(made.get_output_details()[0]["index"]).copy()
