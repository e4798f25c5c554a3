"""Models that devices are known to compute wrong, and others that they refuse, built in code."""

from __future__ import annotations

import numpy as np

from edgeseal.tflite.graph import Model, new_operator
from graphs import constant, model_of, reshape, value

__all__ = [
    "added_matrix",
    "boxes_and_scores",
    "broadcast_mask",
    "quantized_exponential",
    "wide_sum",
]


def added_matrix() -> Model:
    """Rows plus a constant matrix of their shape, as a table of positions is added to tokens."""
    x, rows, y = value("x", [1, 256, 24]), value("rows", [256, 24]), value("y", [256, 24])
    table = np.random.default_rng(0).normal(size=rows.shape).astype(np.float32)
    total = new_operator("ADD", [rows, constant("table", table)], [y], fusedActivationFunction=0)
    return model_of([x], [y], [reshape(x, rows), total])


def boxes_and_scores() -> Model:
    """A head whose output has boxes in pixels and scores side by side."""
    rng = np.random.default_rng(0)
    x = value("x", [1, 8, 8, 16])
    boxes, pixels, scores = (value(n, [1, 8, 8, 4]) for n in ("boxes", "pixels", "scores"))
    chances, both = value("chances", [1, 8, 8, 4]), value("both", [1, 8, 8, 8])
    order, out = value("order", [1, 8, 8, 8]), value("out", [1, 8, 64])
    convolution = {"padding": 0, "strideH": 1, "strideW": 1, "fusedActivationFunction": 0}
    convolution |= {"dilationHFactor": 1, "dilationWFactor": 1}
    heads = [
        new_operator(
            "CONV_2D",
            [
                x,
                constant(f"{result.name}/w", rng.normal(size=[4, 1, 1, 16]).astype(np.float32)),
                constant(f"{result.name}/b", np.zeros(4, np.float32)),
            ],
            [result],
            **convolution,
        )
        for result in (boxes, scores)
    ]
    side = constant("side", np.full(1, 640, np.float32))
    operators = [
        *heads,
        new_operator("MUL", [boxes, side], [pixels], fusedActivationFunction=0),
        new_operator("LOGISTIC", [scores], [chances]),
        new_operator("CONCATENATION", [pixels, chances], [both], axis=3, fusedActivationFunction=0),
        new_operator("TRANSPOSE", [both, constant("to", [0, 3, 1, 2])], [order]),
        reshape(order, out),
    ]
    return model_of([x], [out], operators)


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
