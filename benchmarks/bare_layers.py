"""The floor that models are measured against: their multiply-accumulates and nothing else."""

from __future__ import annotations

import numpy as np

from edgeseal.tflite.graph import (
    Buffer,
    Model,
    Operator,
    Signature,
    Subgraph,
    Tensor,
    count_macs,
    new_operator,
)

__all__ = ["bare_layers"]

_ROWS, _WIDTH, _HIDDEN = 256, 384, 1536  # those of the VideoSeal 0.0 detector


def bare_layers(model: Model) -> Model:
    """Return a chain of layers of as many multiply-accumulates as a model has in its layers."""
    kinds = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
    counts = [count_macs(operator) for operator in model.operators() if operator.kind in kinds]
    left = sum(found.count for found in counts if found is not None)
    rng = np.random.default_rng(0)
    first = Tensor("x", (_ROWS, _WIDTH), "FLOAT32")
    value, operators = first, list[Operator]()
    pair = 2 * _ROWS * _WIDTH * _HIDDEN
    for _ in range(round(left / pair)):
        for width in (_HIDDEN, _WIDTH):
            weights = rng.normal(0, value.shape[1] ** -0.5, (width, value.shape[1]))
            name = f"layer{len(operators)}"
            result = Tensor(name, (_ROWS, width), "FLOAT32")
            operands: list[Tensor | None] = [value]
            for what, array in (("weights", weights), ("bias", np.zeros(width))):
                data = Buffer.of(array.astype(np.float32))
                operands.append(Tensor(f"{name}/{what}", array.shape, "FLOAT32", data))
            operators.append(
                new_operator("FULLY_CONNECTED", operands, [result], fusedActivationFunction=0)
            )
            value = result
    main = Subgraph("main", [first], [value], operators)
    return Model([main], [Signature("serving_default", main, {"x": first}, {"y": value})])
