"""Stores the larger float operands of plain arithmetic as FLOAT16.

The runtime widens them once, when it prepares the model.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgeseal.tflite.graph import Subgraph, Tensor
from edgeseal.tflite.quantization._work import Work
from edgeseal.tflite.quantization.weights._integer_weights import constant
from edgeseal.tflite.quantization.weights._widen import as_half, half_constant, widened

__all__ = ["halve_constants"]

# Operators whose float constants are stored as FLOAT16, and the size from which that pays.
_OPERATORS = ("ADD", "MUL", "SUB")
_MIN_BYTES = 4096


def halve_constants(work: Work) -> None:
    """Halve the constants of every subgraph, if the recipe says so."""
    if work.recipe.methods.half_constants:
        for subgraph in work.model.subgraphs:
            _halve(subgraph)


def _halve(subgraph: Subgraph) -> None:
    wide: dict[int, Tensor] = {}
    for operator in list(subgraph.operators):
        if operator.kind not in _OPERATORS or operator.is_custom:
            continue
        for position, tensor in enumerate(operator.inputs):
            if tensor is None or tensor.dtype != "FLOAT32" or tensor.size_bytes < _MIN_BYTES:
                continue
            half: NDArray[np.float16] | None = as_half(constant(tensor))
            if half is None:
                continue
            if id(tensor) not in wide:
                stored = half_constant(tensor.name, half)
                wide[id(tensor)] = widened(subgraph, operator, stored, tensor.name)
            operator.inputs[position] = wide[id(tensor)]
