"""MAXIMUM with minus infinity and MINIMUM with plus infinity, which change nothing.

Converters write them beside a softmax over another axis than the last.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from edgeseal.tflite.graph import Model, Operator, Subgraph, Tensor
from edgeseal.tflite.probe import constant_values
from edgeseal.tflite.rewrites._rewrite import ModelChange, ModelRewrite, Proof

__all__ = ["DROP_IDLE_BOUNDS"]

_BOUNDS = {"MAXIMUM": -np.inf, "MINIMUM": np.inf}


def _change(model: Model) -> Iterator[ModelChange]:
    dropped = [operator for subgraph in model.subgraphs for operator in _drop(subgraph)]
    for kind in _BOUNDS:
        alike = [operator for operator in dropped if operator.kind == kind]
        if alike:
            yield ModelChange.of(alike, "that cannot change anything removed")


def _drop(subgraph: Subgraph) -> Sequence[Operator]:
    found = []
    for operator in list(subgraph.operators):
        bounded = _bounded(operator)
        result = operator.outputs[0] if operator.outputs else None
        if bounded is None or result is None or result in subgraph.outputs:
            continue
        subgraph.operators.remove(operator)
        subgraph.replace_uses(result, bounded)
        found.append(operator)
    return found


def _bounded(operator: Operator) -> Tensor | None:
    """Return the operand that an operator gives back as it is, if it does."""
    bound = _BOUNDS.get(operator.kind)
    if bound is None or operator.is_custom or len(operator.inputs) != 2:
        return None
    for limit, other in (operator.inputs, reversed(operator.inputs)):
        if limit is None or other is None or not limit.is_constant or other.is_constant:
            continue
        values = constant_values(limit)
        is_idle = values is not None and values.dtype == np.float32 and (values == bound).all()
        if is_idle and other.shape == operator.outputs[0].shape:
            return other
    return None


DROP_IDLE_BOUNDS = ModelRewrite(
    "idle-bounds", "MAXIMUM with -inf, MINIMUM with inf removed", Proof.EXACT, _change
)
