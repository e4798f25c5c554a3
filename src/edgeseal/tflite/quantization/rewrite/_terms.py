"""Writes a layer's result as a sum of two terms."""

from __future__ import annotations

import copy

from edgeseal.tflite.graph import NO_ACTIVATION, Operator, Subgraph, Tensor, new_arithmetic

__all__ = ["add_term"]


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
    operator.options.fusedActivationFunction = NO_ACTIVATION
    operator.outputs[0] = own
    total = new_arithmetic("ADD", own, term.outputs[0], result, activation=activation)
    subgraph.insert_after(operator, term, total)
