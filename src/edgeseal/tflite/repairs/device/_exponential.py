"""Writes a quantized exponential with a table that compilers of NPUs have: exp(x) = ELU(x) + 1.

That holds for x <= 0, which is what softmax takes the exponential of. Elsewhere the largest x is
taken off first: exp(x) = exp(most) exp(x - most). Both steps are exact: only scales change.
"""

from __future__ import annotations

import math
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
    if source.quantization is not None and result.quantization is not None:
        most = max(0.0, _largest(source.quantization))
        made = _shifted(source, result, most) if most else _by_elu(source, result)
        yield Replacement("written as ELU + 1", {operator: made})


def _largest(how: Quantization) -> float:
    return float(how.scale[0]) * (_HIGH - int(how.zero_point[0]))


def _shifted(source: Tensor, result: Tensor, most: float) -> list[Operator]:
    assert source.quantization is not None and result.quantization is not None
    given, wanted = source.quantization, result.quantization
    below = Quantization(given.scale, np.array([_HIGH], np.int64))
    off = Tensor(f"{result.name}/off", source.shape, "INT8", quantization=below)
    factor = math.exp(most)
    part = Quantization((wanted.scale / factor).astype(np.float32), wanted.zero_point)
    share = Tensor(f"{result.name}/share", result.shape, "INT8", quantization=part)
    return [
        new_arithmetic("SUB", source, _constant(f"{result.name}/most", most, source), off),
        *_by_elu(off, share),
        new_arithmetic("MUL", share, _constant(f"{result.name}/factor", factor, result), result),
    ]


def _by_elu(source: Tensor, result: Tensor) -> list[Operator]:
    steps = Quantization(np.full(1, 1 / 255, np.float32), np.array([_HIGH], np.int64))  # -1 to 0
    lowered = Tensor(f"{result.name}/lowered", result.shape, "INT8", quantization=steps)
    return [
        new_operator("ELU", [source], [lowered]),
        new_arithmetic("ADD", lowered, _constant(f"{result.name}/one", 1.0, result), result),
    ]


def _constant(name: str, value: float, beside: Tensor) -> Tensor:
    """Return a positive number of one element, as the largest step."""
    unit = Quantization(np.full(1, value / _HIGH, np.float32), np.zeros(1, np.int64))
    shape = (1,) * beside.rank
    return Tensor(name, shape, "INT8", Buffer.of(np.full(shape, _HIGH, np.int8)), unit)


EXPONENTIAL_BY_ELU = OperatorRewrite(
    "exponential", "quantized EXP as ELU + 1", Proof.MEASURED, _find
)
