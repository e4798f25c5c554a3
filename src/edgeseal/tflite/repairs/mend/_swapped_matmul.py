"""Exchanges the operands of BATCH_MATMUL: A B = (B^T A^T)^T.

LiteRT's kernel takes INT8 on the right of a FLOAT32 or INT16 operand, but not on the left; its GPU
accelerator takes a constant on the right only.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterator

from edgeseal.tflite.graph import (
    Operator,
    Tensor,
    new_operator,
    new_transpose,
)
from edgeseal.tflite.repairs.mend._typed_edges import real_values, stored, symmetric
from edgeseal.tflite.rewrites import OperatorRewrite, Proof, Replacement, Site

__all__ = ["EXCHANGE_OPERANDS", "PUT_CONSTANT_RIGHT"]


def _find(site: Site) -> Iterator[Replacement]:
    """Put an INT8 left operand on the right, and transpose the result."""
    operator = site.operator
    if operator.kind != "BATCH_MATMUL":
        return
    left, right = operator.inputs[:2]
    if left is None or right is None or left.dtype == right.dtype or left.quantization is None:
        return
    if left.quantization.scale.size > 1:  # the kernel looks at one scale only
        values = real_values(left)
        if values is None:
            return
        one_scale = symmetric(values, left.dtype)
        left = stored(f"{left.name}/one_scale", values, left.dtype, one_scale)
    yield Replacement(
        "given its operands the other way round, its result transposed",
        {operator: _exchanged(operator, right, left)},
    )


def _find_constant(site: Site) -> Iterator[Replacement]:
    """Put a constant left operand on the right, and transpose the result."""
    operator = site.operator
    if operator.kind != "BATCH_MATMUL" or operator.is_custom:
        return
    left, right = operator.inputs[:2]
    if left is None or right is None or not left.is_constant or right.is_constant:
        return
    text = "given its constant on the right, its result transposed"
    yield Replacement(text, {operator: _exchanged(operator, right, left)})


def _exchanged(operator: Operator, left: Tensor, right: Tensor) -> tuple[Operator, Operator]:
    result = operator.outputs[0]
    *batch, rows, columns = result.shape
    product = Tensor(
        f"{result.name}/transposed",
        (*batch, columns, rows),
        result.dtype,
        quantization=result.quantization,
    )
    options = (
        copy.copy(operator.options) or new_operator("BATCH_MATMUL", [], [], adjX=False).options
    )
    options.adjX, options.adjY = not options.adjY, not options.adjX
    multiply = dataclasses.replace(
        operator, inputs=[left, right], outputs=[product], options=options
    )
    order = [*range(len(batch)), len(batch) + 1, len(batch)]
    return multiply, new_transpose(product, order, result)


EXCHANGE_OPERANDS = OperatorRewrite(
    "exchanged-operands", "BATCH_MATMUL with its operands exchanged", Proof.MEASURED, _find
)
PUT_CONSTANT_RIGHT = OperatorRewrite(
    "constant-right",
    "BATCH_MATMUL with its constant on the right",
    Proof.ROUNDING,
    _find_constant,
)
