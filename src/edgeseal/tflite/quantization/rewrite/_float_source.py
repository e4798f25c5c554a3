"""What files of other makers need before a recipe is applied: exact, without data."""

from __future__ import annotations

import copy

import numpy as np

from edgeseal.tflite.graph import Model, Subgraph, Tensor, float32_constant
from edgeseal.tflite.probe import constant_values

__all__ = ["pin_sizes", "widen_halves"]


def widen_halves(model: Model) -> None:
    """Make FLOAT16 constants behind a DEQUANTIZE the FLOAT32 ones that they stand for."""
    for subgraph in model.subgraphs:
        _widen_halves(subgraph)


def _widen_halves(subgraph: Subgraph) -> None:
    wide: dict[Tensor, Tensor] = {}
    kept = []
    for operator in subgraph.operators:
        source = operator.inputs[0] if operator.kind == "DEQUANTIZE" else None
        result = operator.outputs[0] if operator.outputs else None
        is_half = source is not None and source.dtype == "FLOAT16" and source.is_constant
        values = constant_values(source) if source is not None and is_half else None
        if values is None or result is None or result in subgraph.outputs:
            kept.append(operator)
            continue
        wide[result] = float32_constant(result.name, values.astype(np.float32))
    subgraph.operators[:] = kept
    for operator in kept:
        operator.inputs[:] = [t if t is None else wide.get(t, t) for t in operator.inputs]


def pin_sizes(model: Model) -> list[str]:
    """Fix sizes that a file leaves open at those that it states, as LiteRT takes them.

    Returns:
        The inputs that this concerns, with their shapes.
    """
    pinned = [t for t in model.main.inputs if t.is_dynamic]
    for subgraph in model.subgraphs:
        for tensor in subgraph.tensors():
            if tensor.raw is not None and tensor.is_dynamic and min(tensor.shape, default=1) > 0:
                tensor.raw = copy.copy(tensor.raw)
                tensor.raw.shapeSignature = None
    return [f"{tensor.name} {list(tensor.shape)}" for tensor in pinned]
