"""Keeps a quantized operand of DIV, SQRT or RSQRT off zero."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np

from edgeseal.tflite.diagnosis import quantized_operand_at_zero
from edgeseal.tflite.graph import Buffer, Operator, Tensor, new_operator
from edgeseal.tflite.probe import is_quantized, numpy_type
from edgeseal.tflite.repairs.mend._float_islands import float_island
from edgeseal.tflite.rewrites import OperatorRewrite, Proof, Replacement, Site

__all__ = ["CHAIN_LENGTH", "KEEP_OFF_ZERO"]

CHAIN_LENGTH = 8
"""Operators before the failing one that may be left float with it: a whole LayerNorm."""


def _find(site: Site) -> Iterator[Replacement]:
    """Clamp the operand, or leave the chain that computes it float: one operator, two, ..."""
    tensor = quantized_operand_at_zero(site.operator)
    if tensor is None or not is_quantized(tensor):
        return
    yield _clamped(site.operator, tensor)
    chain = [site.operator]
    for operator in _chain(site, tensor):
        chain.insert(0, operator)
        text = f"left float, with the {len(chain) - 1} operators before it"
        yield from float_island(site.subgraph, chain, text)


def _clamped(operator: Operator, tensor: Tensor) -> Replacement:
    """Raise the operand to its smallest positive step."""
    zero_point = 0 if tensor.quantization is None else int(tensor.quantization.zero_point[0])
    step = np.array([zero_point + 1], numpy_type(tensor))
    smallest = Tensor(
        f"{tensor.name}/step",
        step.shape,
        tensor.dtype,
        Buffer.of(step),
        tensor.quantization,
    )
    clamped = dataclasses.replace(tensor, name=f"{tensor.name}/positive")
    clamp = new_operator("MAXIMUM", [tensor, smallest], [clamped])
    inputs = [*operator.inputs[:-1], clamped]
    if operator.kind == "DIV" and operator.inputs[0] is tensor:
        inputs[0] = clamped
    twin = dataclasses.replace(operator, inputs=inputs)
    text = "kept off zero by the smallest positive step"
    return Replacement(text, {operator: (clamp, twin)})


def _chain(site: Site, tensor: Tensor) -> Iterator[Operator]:
    """Follow an operand back through the operators that compute it."""
    producers = site.subgraph.producers()
    for _ in range(CHAIN_LENGTH):
        operator = producers.get(tensor)
        if operator is None or operator.is_custom or operator.subgraphs:
            return
        if operator.kind in ("QUANTIZE", "DEQUANTIZE") or len(operator.outputs) > 1:
            return
        yield operator
        sources = [t for t in operator.inputs if t is not None and not t.is_constant]
        if not sources:
            return
        tensor = sources[0]


KEEP_OFF_ZERO = OperatorRewrite(
    "off-zero", "divisors and radicands kept off zero, or float", Proof.MEASURED, _find
)
