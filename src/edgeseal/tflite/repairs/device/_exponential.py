"""Writes a quantized exponential with a table that compilers of NPUs have: exp(x) = ELU(x) + 1.

That holds for x <= 0, which is what softmax takes the exponential of.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from edgeseal.tflite.graph import (
    Buffer,
    Operator,
    Quantization,
    Tensor,
    new_arithmetic,
    new_operator,
)
from edgeseal.tflite.rewrites import OperatorRewrite, Proof, Replacement, Site

__all__ = ["EXPONENTIAL_BY_ELU"]

_HIGH = 127


def _find(site: Site) -> Iterator[Replacement]:
    operator = site.operator
    if operator.kind != "EXP" or operator.is_custom:
        return
    source, result = operator.inputs[0], operator.outputs[0]
    if source is None or source.dtype != "INT8" or result.dtype != "INT8":
        return
    if source.quantization is not None and _largest(source.quantization) <= 0:
        yield Replacement("written as ELU + 1", {operator: _by_elu(source, result)})


def _largest(how: Quantization) -> float:
    return float(how.scale[0]) * (_HIGH - int(how.zero_point[0]))


def _by_elu(source: Tensor, result: Tensor) -> list[Operator]:
    steps = Quantization(np.full(1, 1 / 255, np.float32), np.array([_HIGH], np.int64))  # -1 to 0
    lowered = Tensor(f"{result.name}/lowered", result.shape, "INT8", quantization=steps)
    unit = Quantization(np.full(1, 1 / _HIGH, np.float32), np.zeros(1, np.int64))
    value = Buffer.of(np.full((1,) * result.rank, _HIGH, np.int8))
    one = Tensor(f"{result.name}/one", (1,) * result.rank, "INT8", value, unit)
    return [
        new_operator("ELU", [source], [lowered]),
        new_arithmetic("ADD", lowered, one, result),
    ]


EXPONENTIAL_BY_ELU = OperatorRewrite(
    "exponential", "quantized EXP of what is never above 0 as ELU + 1", Proof.MEASURED, _find
)
