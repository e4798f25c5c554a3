"""Gives BATCH_MATMUL its operands as they are multiplied: constants turned, batches of one size.

What devices get wrong are constants that are to be transposed first, and one matrix that several
are multiplied by: those are one matrix, with the rows of all.
"""

from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Iterator
from typing import Any

from edgeseal.tflite.graph import (
    Buffer,
    Operator,
    Tensor,
    new_concatenation,
    new_reshape,
    tensor_like,
)
from edgeseal.tflite.probe import constant_values
from edgeseal.tflite.rewrites import OperatorRewrite, Proof, Replacement, Site

__all__ = ["PLAIN_PRODUCTS"]


def _find(site: Site) -> Iterator[Replacement]:
    operator = site.operator
    if operator.kind != "BATCH_MATMUL" or operator.is_custom:
        return
    left, right = operator.inputs[:2]
    if left is None or right is None or any(map(_has_channels, (left, right))):
        return
    options = copy.copy(operator.options)
    plain = dataclasses.replace(operator, options=options)
    sides = _turned(left, options, "adjX"), _turned(right, options, "adjY")
    if not getattr(options, "adjX", False) and _is_shared(*sides, operator.outputs[0]):
        made = _flattened(plain, *sides)
    else:
        made = _repeated(plain, *sides)
    if len(made) > 1 or sides != (left, right):
        text = "given constants as they are multiplied, and batches of one size"
        yield Replacement(text, {operator: made})


def _has_channels(tensor: Tensor) -> bool:
    return tensor.quantization is not None and tensor.quantization.scale.size > 1


def _turned(tensor: Tensor, options: Any, flag: str) -> Tensor:
    """Return an operand; a constant as the product wants it, without its flag."""
    values = constant_values(tensor)
    if not getattr(options, flag, False) or values is None or tensor.dtype == "INT4":
        return tensor
    setattr(options, flag, False)
    values = values.swapaxes(-1, -2)
    turned = tensor_like(tensor, f"{tensor.name}/turned", values.shape)
    turned.buffer = Buffer.of(values)
    return turned


def _is_shared(left: Tensor, right: Tensor, result: Tensor) -> bool:
    """Whether several matrices on the left meet one on the right."""
    batch = result.shape[:-2]
    return left.shape[:-2] == batch and math.prod(right.shape[:-2]) == 1 < math.prod(batch)


def _flattened(operator: Operator, left: Tensor, right: Tensor) -> list[Operator]:
    """Multiply the rows of all matrices at once."""
    result = operator.outputs[0]
    ones = (1,) * (result.rank - 2)
    rows = math.prod(result.shape[:-1])
    flat = tensor_like(left, f"{left.name}/rows", (*ones, rows, left.shape[-1]))
    product = tensor_like(result, f"{result.name}/rows", (*ones, rows, result.shape[-1]))
    steps, right = _lifted(right, ones)
    multiply = dataclasses.replace(operator, inputs=[flat, right], outputs=[product])
    return [new_reshape(left, flat), *steps, multiply, new_reshape(product, result)]


def _repeated(operator: Operator, *sides: Tensor) -> list[Operator]:
    """Repeat what the product would broadcast."""
    batch = operator.outputs[0].shape[:-2]
    made: list[Operator] = []
    inputs: list[Tensor | None] = []
    for tensor in sides:
        own = (1,) * (len(batch) + 2 - tensor.rank) + tensor.shape[:-2]
        if own != batch:
            steps, tensor = _lifted(tensor, own)
            made += steps
        for axis, (have, wanted) in enumerate(zip(own, batch, strict=True)):
            if have != wanted:
                shape = (*batch[: axis + 1], *tensor.shape[axis + 1 :])
                wide = tensor_like(tensor, f"{tensor.name}/{axis}", shape)
                made.append(new_concatenation([tensor] * wanted, axis, wide))
                tensor = wide
        inputs.append(tensor)
    return [*made, dataclasses.replace(operator, inputs=inputs)]


def _lifted(tensor: Tensor, batch: tuple[int, ...]) -> tuple[list[Operator], Tensor]:
    """Give a tensor the rank of its batch."""
    if tensor.rank == len(batch) + 2:
        return [], tensor
    lifted = tensor_like(tensor, f"{tensor.name}/lifted", (*batch, *tensor.shape[-2:]))
    if constant_values(tensor) is None:
        return [new_reshape(tensor, lifted)], lifted
    lifted.buffer = tensor.buffer
    return [], lifted


PLAIN_PRODUCTS = OperatorRewrite(
    "plain-products",
    "BATCH_MATMUL of constants as they are multiplied and of equal batches",
    Proof.ROUNDING,
    _find,
)
