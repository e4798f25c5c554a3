"""Means over the channels of a map as means over the rows of a matrix.

The same numbers everywhere; Arm's compiler for the Ethos-U85 takes only the second, and integers
are then written as a layer.
"""

from __future__ import annotations

import math

from edgeseal.tflite.graph import (
    Operator,
    Subgraph,
    Tensor,
    int32_constant,
    new_reduction,
    new_reshape,
)
from edgeseal.tflite.probe import constant_values

__all__ = ["flatten_means"]


def flatten_means(subgraph: Subgraph) -> None:
    """Rewrite every mean over the last axis of a tensor of rank 3 or more; exact."""
    for operator in [o for o in subgraph.operators if o.kind == "MEAN" and _is_of_channels(o)]:
        place = subgraph.operators.index(operator)
        subgraph.operators[place : place + 1] = _flattened(operator)


def _is_of_channels(mean: Operator) -> bool:
    source, axes = mean.inputs
    assert source is not None
    assert axes is not None
    values = constant_values(axes)
    last = source.rank - 1
    return last >= 2 and values is not None and list(values.reshape(-1) % source.rank) == [last]


def _flattened(mean: Operator) -> list[Operator]:
    source, result = mean.inputs[0], mean.outputs[0]
    assert source is not None
    count, channels = math.prod(source.shape[:-1]), source.shape[-1]
    rows = Tensor(f"{result.name}/rows", (count, channels), "FLOAT32")
    column = Tensor(f"{result.name}/column", (count, 1), "FLOAT32")
    return [
        new_reshape(source, rows, shape=int32_constant("shape", rows.shape)),
        new_reduction("MEAN", rows, int32_constant("axis", (1,)), column, keep_dims=True),
        new_reshape(column, result, shape=int32_constant("shape", result.shape)),
    ]
