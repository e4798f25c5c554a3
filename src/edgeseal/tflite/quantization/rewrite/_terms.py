"""Writes a layer's result as a sum of two terms."""

from __future__ import annotations

import copy

import numpy as np
from numpy.typing import NDArray

from edgeseal.tflite.graph import Buffer, Operator, Subgraph, Tensor, new_operator

__all__ = ["add_term", "float_constant"]

_NO_ACTIVATION = 0  # ActivationFunctionType.NONE


def add_term(subgraph: Subgraph, operator: Operator, term: Operator) -> None:
    """Let ``operator``'s result become its own plus that of ``term``.

    An activation fused into ``operator`` moves to the sum.

    Args:
        subgraph: holds ``operator``; ``term`` and the sum are put behind it.
        operator: a layer with one result.
        term: a new operator; its result has the same shape.
    """
    result = operator.outputs[0]
    own = Tensor(f"{result.name}/{operator.kind.lower()}", result.shape, result.dtype)
    activation = operator.options.fusedActivationFunction
    operator.options = copy.copy(operator.options)
    operator.options.fusedActivationFunction = _NO_ACTIVATION
    operator.outputs[0] = own
    total = new_operator(
        "ADD", [own, term.outputs[0]], [result], fusedActivationFunction=activation
    )
    subgraph.insert_after(operator, term, total)


def float_constant(name: str, values: NDArray[np.float32]) -> Tensor:
    """Return a FLOAT32 constant."""
    return Tensor(name, values.shape, "FLOAT32", Buffer.of(values.astype(np.float32, copy=False)))
