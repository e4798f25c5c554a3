"""Operators that work element by element, and products of matrices, in at most four axes."""

from __future__ import annotations

import math
from collections.abc import Sequence

from edgeseal.tflite.graph import Operator, Tensor
from edgeseal.tflite.repairs.rank._axes import (
    MAX_RANK,
    Shape,
    broadcast_patterns,
    group_sizes,
    merge_runs,
    squeeze_leading,
)
from edgeseal.tflite.repairs.rank._few_axes import Lowering, constant, operand
from edgeseal.tflite.repairs.rank._views import UnlowerableError, Views

__all__ = ["ELEMENTWISE_LOWERINGS"]

_UNARY = (
    "ABS CAST CEIL COMPLEX_ABS COS DEQUANTIZE ELU EXP FAKE_QUANT FLOOR GELU HARD_SWISH IMAG "
    "LEAKY_RELU LOG LOGICAL_NOT LOGISTIC NEG QUANTIZE REAL RELU RELU6 RELU_0_TO_1 RELU_N1_TO_1 "
    "ROUND RSQRT SIGN SIN SQRT SQUARE TANH ZEROS_LIKE"
)
_BROADCASTING = (
    "ADD ADD_N ATAN2 BITWISE_XOR DIV EQUAL FLOOR_DIV FLOOR_MOD GREATER GREATER_EQUAL LESS "
    "LESS_EQUAL LOGICAL_AND LOGICAL_OR MAXIMUM MINIMUM MUL NOT_EQUAL POW PRELU RIGHT_SHIFT "
    "SELECT_V2 SQUARED_DIFFERENCE SUB"
)


def _unary(operator: Operator, views: Views) -> None:
    """Work in whatever shape the values have."""
    source, result = operand(operator, 0), operator.outputs[0]
    values = views.current(source)
    if values.rank > MAX_RANK:
        values = views.read(source, _front_merged(source))
    [made] = views.emit(operator, [values], [(result, values.shape)])
    views.write(result, made)


def _front_merged(tensor: Tensor) -> Shape:
    """Take the front axes together, but for a quantized one the axes around it."""
    shape, quantization = tensor.shape, tensor.quantization
    if quantization is not None and quantization.scale.size > 1:
        axis = quantization.axis
        return math.prod(shape[:axis]), shape[axis], math.prod(shape[axis + 1 :])
    cut = tensor.rank - MAX_RANK + 1
    return math.prod(shape[:cut]), *shape[cut:]


def _broadcasting(operator: Operator, views: Views) -> None:
    """Take axes together along which the same operands are broadcast.

    Where these lie apart and are too many, they are brought together by permutations.
    """
    operands = [operand(operator, position) for position in range(len(operator.inputs))]
    result = operator.outputs[0]
    patterns = broadcast_patterns([tensor.shape for tensor in operands], result.shape)
    groups = merge_runs(patterns)
    if len(groups) > MAX_RANK:
        _broadcast_permuted(operator, views, patterns)
        return
    inputs = [_grouped(tensor, groups, result.rank, views) for tensor in operands]
    [values] = views.emit(operator, inputs, [(result, group_sizes(result.shape, groups))])
    views.write(result, values)


def _broadcast_permuted(
    operator: Operator, views: Views, patterns: Sequence[tuple[bool, ...] | None]
) -> None:
    result = operator.outputs[0]
    wide = [axis for axis, pattern in enumerate(patterns) if pattern is not None]
    order = sorted(wide, key=lambda axis: patterns.index(patterns[axis]))
    groups = [[order[i] for i in run] for run in merge_runs([patterns[axis] for axis in order])]
    if len(groups) > MAX_RANK:
        raise UnlowerableError(f"broadcasts its operands in {len(groups)} ways")
    inputs = []
    for position in range(len(operator.inputs)):
        tensor = operand(operator, position)
        padded = (1,) * (result.rank - tensor.rank) + tensor.shape
        units = [axis for axis in range(result.rank) if axis not in order]
        values = views.permute(tensor, padded, [*units, *order])
        inputs.append(views.read(values, group_sizes(padded, groups)))
    [values] = views.emit(operator, inputs, [(result, group_sizes(result.shape, groups))])
    back = [order.index(axis) for axis in wide]
    views.alias(result, views.permute(values, [result.shape[axis] for axis in order], back))


def _grouped(tensor: Tensor, groups: list[list[int]], rank: int, views: Views) -> Tensor:
    shape = group_sizes((1,) * (rank - tensor.rank) + tensor.shape, groups)
    if squeeze_leading(tensor.shape) == squeeze_leading(shape) and tensor.rank <= MAX_RANK:
        return views.current(tensor)
    return views.read(tensor, shape)


def _select(operator: Operator, views: Views) -> None:
    shapes = {operand(operator, position).shape for position in range(3)}
    if len(shapes) > 1:
        raise UnlowerableError("chooses whole rows")
    _broadcasting(operator, views)


def _broadcast_to(operator: Operator, views: Views) -> None:
    source, sizes, result = operand(operator, 0), operand(operator, 1), operator.outputs[0]
    groups = _few_groups([source.shape], result.shape, MAX_RANK)
    shape = group_sizes(result.shape, groups)
    padded = (1,) * (result.rank - source.rank) + source.shape
    inputs = [views.read(source, group_sizes(padded, groups)), constant(sizes, shape)]
    [values] = views.emit(operator, inputs, [(result, shape)])
    views.write(result, values)


def _few_groups(operands: Sequence[Shape], result: Shape, limit: int) -> list[list[int]]:
    groups = merge_runs(broadcast_patterns(operands, result))
    if len(groups) > limit:
        raise UnlowerableError(f"broadcasts along {len(groups)} groups of axes")
    return groups


def _fill(operator: Operator, views: Views) -> None:
    sizes, result = operand(operator, 0), operator.outputs[0]
    shape = _front_merged(result)
    [values] = views.emit(
        operator, [constant(sizes, shape), operand(operator, 1)], [(result, shape)]
    )
    views.write(result, values)


def _batch_matmul(operator: Operator, views: Views) -> None:
    """Take batch axes together as long as both sides have them or broadcast them alike."""
    sides, result = [operand(operator, 0), operand(operator, 1)], operator.outputs[0]
    batches = [tensor.shape[:-2] for tensor in sides]
    batch = result.shape[:-2]
    groups = _few_groups(batches, batch, MAX_RANK - 2)
    inputs = []
    for tensor, own in zip(sides, batches, strict=True):
        padded = (1,) * (len(batch) - len(own)) + own
        inputs.append(views.read(tensor, [*group_sizes(padded, groups), *tensor.shape[-2:]]))
    shape = [*group_sizes(batch, groups), *result.shape[-2:]]
    [values] = views.emit(operator, inputs, [(result, shape)])
    views.write(result, values)


ELEMENTWISE_LOWERINGS: dict[str, Lowering] = {
    **dict.fromkeys(_UNARY.split(), _unary),
    **dict.fromkeys(_BROADCASTING.split(), _broadcasting),
    "SELECT": _select,
    "BROADCAST_TO": _broadcast_to,
    "FILL": _fill,
    "BATCH_MATMUL": _batch_matmul,
}
"""Operators by kind, and how each is written in at most four axes."""
