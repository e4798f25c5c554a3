"""Small operators that the passes write."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgeseal.tflite.graph import Buffer, Operator, Tensor, new_operator

__all__ = ["concatenation", "integers", "like", "reshape", "slice_along"]

_NO_ACTIVATION = 0
_VERSIONS = {"INT8": 2, "INT16": 3}  # of CONCATENATION and SLICE; 1 for FLOAT32


def like(tensor: Tensor, name: str, shape: Sequence[int]) -> Tensor:
    """Return a new value of a tensor's type and per-tensor quantization."""
    return Tensor(name, tuple(shape), tensor.dtype, quantization=tensor.quantization)


def integers(name: str, values: Sequence[int]) -> Tensor:
    """Return an INT32 constant."""
    array = np.array(values, np.int32)
    return Tensor(name, array.shape, "INT32", Buffer.of(array))


def reshape(source: Tensor, result: Tensor) -> Operator:
    """Return a RESHAPE that makes ``result``."""
    shape = integers(f"{result.name}/shape", result.shape)
    return new_operator("RESHAPE", [source, shape], [result], newShape=list(result.shape))


def slice_along(source: Tensor, axis: int, start: int, size: int) -> Operator:
    """Return a SLICE of ``size`` positions along one axis."""
    begins, sizes = [0] * source.rank, list(source.shape)
    begins[axis], sizes[axis] = start, size
    name = f"{source.name}/{axis}:{start}:{start + size}"
    operands: list[Tensor | None] = [
        source,
        integers(f"{name}/begin", begins),
        integers(f"{name}/size", sizes),
    ]
    version = _VERSIONS.get(source.dtype, 1)
    return new_operator("SLICE", operands, [like(source, name, sizes)], version=version)


def concatenation(parts: Sequence[Tensor], axis: int, result: Tensor) -> Operator:
    """Return a CONCATENATION that makes ``result``."""
    return new_operator(
        "CONCATENATION",
        list(parts),
        [result],
        version=_VERSIONS.get(result.dtype, 1),
        axis=axis,
        fusedActivationFunction=_NO_ACTIVATION,
    )
