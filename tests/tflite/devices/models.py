"""Models that devices are known to compute wrong, and others that they refuse, built in code."""

from __future__ import annotations

import numpy as np

from edgeseal.tflite.graph import Model, new_operator
from graphs import constant, model_of, reshape, value

__all__ = ["added_matrix", "broadcast_mask", "quantized_exponential", "wide_sum"]


def added_matrix() -> Model:
    """Rows plus a constant matrix of their shape, as a table of positions is added to tokens."""
    x, rows, y = value("x", [1, 256, 24]), value("rows", [256, 24]), value("y", [256, 24])
    table = np.random.default_rng(0).normal(size=rows.shape).astype(np.float32)
    total = new_operator("ADD", [rows, constant("table", table)], [y], fusedActivationFunction=0)
    return model_of([x], [y], [reshape(x, rows), total])


def broadcast_mask() -> Model:
    """Attention whose scores of rank 3 meet a mask of rank 4."""
    q, k, v = (value(name, [4, 8, 16]) for name in "qkv")
    scores, out = value("scores", [4, 8, 8]), value("out", [1, 4, 8, 16])
    masked, weights = value("masked", [1, 4, 8, 8]), value("p", [1, 4, 8, 8])
    causal = np.triu(np.full((1, 1, 8, 8), -30, np.float32), 1)
    mask = constant("mask", causal)
    operators = [
        new_operator("BATCH_MATMUL", [q, k], [scores], adjY=True),
        new_operator("ADD", [scores, mask], [masked], fusedActivationFunction=0),
        new_operator("SOFTMAX", [masked], [weights], beta=1.0),
        new_operator("BATCH_MATMUL", [weights, v], [out]),
    ]
    return model_of([q, k, v], [out], operators)


def quantized_exponential() -> Model:
    """An INT8 sum and the INT8 exponential of it."""
    x, total = value("x", [1, 8], "INT8", 0.02, 127), value("total", [1, 8], "INT8", 0.04, 127)
    y = value("y", [1, 8], "INT8", 1 / 255, -128)
    operators = [
        new_operator("ADD", [x, x], [total], fusedActivationFunction=0),
        new_operator("EXP", [total], [y]),
    ]
    return model_of([x], [y], operators)


def wide_sum() -> Model:
    """Floats that are made INT16 and floats again."""
    x, wide, y = value("x", [1, 8]), value("wide", [1, 8], "INT16", 0.001), value("y", [1, 8])
    operators = [
        new_operator("QUANTIZE", [x], [wide]),
        new_operator("DEQUANTIZE", [wide], [y]),
    ]
    return model_of([x], [y], operators)
