"""Unpacks constants with one scale and a product, or stores them as what they are unpacked to.

Delegates knew DEQUANTIZE with one scale first; a scale per channel is a later version of it. And
not every operator that takes constant weights takes weights that are unpacked.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np

from edgeseal.tflite.graph import (
    Operator,
    Quantization,
    Tensor,
    float32_constant,
    new_arithmetic,
    new_dequantize,
    tensor_like,
)
from edgeseal.tflite.repairs.mend._typed_edges import real_values
from edgeseal.tflite.rewrites import OperatorRewrite, Proof, Replacement, Site

__all__ = ["STORE_FLOATS", "UNPACK_WITH_ONE_SCALE"]


def _find_scales(site: Site) -> Iterator[Replacement]:
    operator = site.operator
    packed = operator.inputs[0] if operator.kind == "DEQUANTIZE" else None
    if packed is None or packed.quantization is None or not packed.is_constant:
        return
    how, result = packed.quantization, operator.outputs[0]
    if how.scale.size > 1 and not how.zero_point.any():
        text = "given one scale, and those of its channels by MUL, which runs each time"
        yield Replacement(text, {operator: _scaled(packed, how, result)})


def _find_floats(site: Site) -> Iterator[Replacement]:
    operator = site.operator
    packed = operator.inputs[0] if operator.kind == "DEQUANTIZE" else None
    values = None if packed is None else real_values(packed)
    result = operator.outputs[0]
    if values is None or result in site.subgraph.outputs:
        return
    folded = float32_constant(result.name, values)
    readers = site.subgraph.consumers()[result]
    yield Replacement(
        "stored as floats, which take more room",
        {operator: (), **{reader: [_reading(reader, result, folded)] for reader in readers}},
    )


def _scaled(packed: Tensor, how: Quantization, result: Tensor) -> Sequence[Operator]:
    one = Quantization(np.ones(1, np.float32), np.zeros(1, np.int64))
    plain = dataclasses.replace(packed, name=f"{packed.name}/steps", quantization=one)
    steps = tensor_like(result, f"{result.name}/steps", result.shape)
    shape = [1] * packed.rank
    shape[how.axis] = -1
    scales = float32_constant(f"{packed.name}/scales", how.scale.reshape(shape))
    return [new_dequantize(plain, steps), new_arithmetic("MUL", steps, scales, result)]


def _reading(reader: Operator, old: Tensor, new: Tensor) -> Operator:
    inputs = [new if tensor is old else tensor for tensor in reader.inputs]
    return dataclasses.replace(reader, inputs=inputs)


UNPACK_WITH_ONE_SCALE = OperatorRewrite(
    "single-scale",
    "DEQUANTIZE of constants with a scale per channel as one scale and MUL",
    Proof.EXACT,
    _find_scales,
)
STORE_FLOATS = OperatorRewrite(
    "stored-floats",
    "constants as the floats that DEQUANTIZE makes of them",
    Proof.EXACT,
    _find_floats,
)
