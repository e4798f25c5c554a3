"""Operands of an operator that is to be written in few axes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseal.tflite.graph import Buffer, Operator, Tensor
from edgeseal.tflite.repairs.rank._views import UnlowerableError, Views

__all__ = ["Lowering", "constant", "integers", "operand"]

Lowering = Callable[[Operator, Views], None]
"""Writes an operator anew; raises UnlowerableError before or while it does."""


def operand(operator: Operator, position: int) -> Tensor:
    """Return an operand that has to be there."""
    tensor = operator.inputs[position] if position < len(operator.inputs) else None
    if tensor is None:
        raise UnlowerableError(f"lacks operand {position}")
    return tensor


def integers(tensor: Tensor) -> list[int]:
    """Return the values of a constant of axes, sizes or positions, flat."""
    kind = {"INT32": np.int32, "INT64": np.int64, "INT16": np.int16}.get(tensor.dtype)
    if tensor.buffer is None or kind is None:
        raise UnlowerableError(f"takes {tensor.name}, which is known only at run time")
    return [int(value) for value in tensor.buffer.data.view(kind)]


def constant(like: Tensor, values: int | Sequence[int] | Sequence[Sequence[int]]) -> Tensor:
    """Return a constant of integers of the type and name of ``like``."""
    kinds: dict[str, Any] = {"INT32": np.int32, "INT64": np.int64, "INT16": np.int16}
    array: NDArray[Any] = np.array(values, kinds[like.dtype])
    return Tensor(like.name, array.shape, like.dtype, Buffer.of(array))
