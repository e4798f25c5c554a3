"""Operators that work along one axis, or several, in at most four axes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from edgeseal.tflite.graph import Operator, Tensor
from edgeseal.tflite.repairs.rank._axes import MAX_RANK, Shape, group_sizes, merge_runs
from edgeseal.tflite.repairs.rank._few_axes import Lowering, constant, integers, operand
from edgeseal.tflite.repairs.rank._views import UnlowerableError, Views

__all__ = ["AXIS_LOWERINGS"]


def _around(shape: Shape, axis: int) -> tuple[int, int, int]:
    """Return the sizes before, of and after an axis."""
    return math.prod(shape[:axis]), shape[axis], math.prod(shape[axis + 1 :])


def _reshape(operator: Operator, views: Views) -> None:
    source, result = operand(operator, 0), operator.outputs[0]
    if operator.kind == "RESHAPE" and len(operator.inputs) > 1:
        integers(operand(operator, 1))  # a shape known only at run time is not ours to fix
    if not _means_the_same(source, result):
        raise UnlowerableError(f"gives {result.name} another quantization than {source.name}")
    views.alias(result, source)


def _means_the_same(tensor: Tensor, other: Tensor) -> bool:
    if tensor.dtype != other.dtype:
        return False
    one, two = tensor.quantization, other.quantization
    if one is None or two is None:
        return one is two or tensor.dtype.startswith("FLOAT")
    return np.array_equal(one.scale, two.scale) and np.array_equal(one.zero_point, two.zero_point)


def _transpose(operator: Operator, views: Views) -> None:
    source = operand(operator, 0)
    order = [axis % source.rank for axis in integers(operand(operator, 1))]
    views.alias(operator.outputs[0], views.permute(source, source.shape, order))


def _reduction(operator: Operator, views: Views) -> None:
    """Reduce over groups of axes; those that lie apart are first brought to the end."""
    source, result = operand(operator, 0), operator.outputs[0]
    axes_tensor = operand(operator, 1)
    axes = {axis % source.rank for axis in integers(axes_tensor)}
    groups = merge_runs(
        [None if size == 1 else axis in axes for axis, size in enumerate(source.shape)]
    )
    sizes = list(group_sizes(source.shape, groups))
    reduced = [place for place, group in enumerate(groups) if group[0] in axes]
    values = source
    if not reduced or len(groups) > MAX_RANK:
        kept = [place for place in range(len(groups)) if place not in reduced]
        values = views.permute(source, sizes, [*kept, *reduced])
        count = math.prod(sizes[place] for place in kept)
        sizes, reduced = [count, math.prod(sizes) // count], [1]
    shape = [size for place, size in enumerate(sizes) if place not in reduced]
    inputs = [views.read(values, sizes), constant(axes_tensor, reduced)]
    [values] = views.emit(operator, inputs, [(result, shape)], keepDims=False)
    views.write(result, values)


def _arg_extreme(operator: Operator, views: Views) -> None:
    source, axis_tensor = operand(operator, 0), operand(operator, 1)
    before, size, after = _around(source.shape, integers(axis_tensor)[0] % source.rank)
    inputs = [views.read(source, (before, size, after)), constant(axis_tensor, 1)]
    [values] = views.emit(operator, inputs, [(operator.outputs[0], (before, after))])
    views.write(operator.outputs[0], values)


def _cumsum(operator: Operator, views: Views) -> None:
    source, axis_tensor = operand(operator, 0), operand(operator, 1)
    shape = _around(source.shape, integers(axis_tensor)[0] % source.rank)
    inputs = [views.read(source, shape), constant(axis_tensor, 1)]
    [values] = views.emit(operator, inputs, [(operator.outputs[0], shape)])
    views.write(operator.outputs[0], values)


def _concatenation(operator: Operator, views: Views) -> None:
    result = operator.outputs[0]
    axis = operator.options.axis % result.rank
    inputs = [
        views.read(tensor, _around(tensor.shape, axis))
        for tensor in (operand(operator, i) for i in range(len(operator.inputs)))
    ]
    shape = _around(result.shape, axis)
    [values] = views.emit(operator, inputs, [(result, shape)], axis=1)
    views.write(result, values)


def _pack(operator: Operator, views: Views) -> None:
    result = operator.outputs[0]
    before, count, after = _around(result.shape, operator.options.axis % result.rank)
    inputs = [views.read(operand(operator, i), (before, after)) for i in range(count)]
    [values] = views.emit(operator, inputs, [(result, (before, count, after))], axis=1)
    views.write(result, values)


def _unpack(operator: Operator, views: Views) -> None:
    source = operand(operator, 0)
    before, count, after = _around(source.shape, operator.options.axis % source.rank)
    inputs = [views.read(source, (before, count, after))]
    _emit_many(operator, views, inputs, lambda tensor: (before, after), axis=1)


def _split(operator: Operator, views: Views) -> None:
    axis_tensor, source = operand(operator, 0), operand(operator, 1)
    axis = integers(axis_tensor)[0] % source.rank
    inputs = [constant(axis_tensor, 1), views.read(source, _around(source.shape, axis))]
    _emit_many(operator, views, inputs, lambda tensor: _around(tensor.shape, axis))


def _split_v(operator: Operator, views: Views) -> None:
    source, sizes, axis_tensor = (operand(operator, position) for position in range(3))
    axis = integers(axis_tensor)[0] % source.rank
    inputs = [views.read(source, _around(source.shape, axis)), sizes, constant(axis_tensor, 1)]
    _emit_many(operator, views, inputs, lambda tensor: _around(tensor.shape, axis))


def _emit_many(
    operator: Operator,
    views: Views,
    inputs: Sequence[Tensor | None],
    shape_of: Callable[[Tensor], Shape],
    **options: object,
) -> None:
    results = [(tensor, shape_of(tensor)) for tensor in operator.outputs]
    made = views.emit(operator, inputs, results, **options)
    for tensor, values in zip(operator.outputs, made, strict=True):
        views.write(tensor, values)


def _gather(operator: Operator, views: Views) -> None:
    """Batch axes, the axes before the gathered one, that one and those behind it: four."""
    source, positions = operand(operator, 0), operand(operator, 1)
    batch, axis = operator.options.batchDims, operator.options.axis % source.rank
    batch %= positions.rank or 1
    batches = math.prod(source.shape[:batch])
    before, size, after = _around(source.shape[batch:], axis - batch)
    count = math.prod(positions.shape[batch:])
    lead = [batches] if batch else []
    inputs = [
        views.read(source, [*lead, before, size, after]),
        views.read(positions, [*lead, count]),
    ]
    result = (operator.outputs[0], [*lead, before, count, after])
    [values] = views.emit(operator, inputs, [result], axis=len(lead) + 1, batchDims=len(lead))
    views.write(operator.outputs[0], values)


def _gather_nd(operator: Operator, views: Views) -> None:
    source, positions = operand(operator, 0), operand(operator, 1)
    depth = positions.shape[-1]
    if depth >= MAX_RANK:
        raise UnlowerableError(f"looks up {depth} axes")
    after = math.prod(source.shape[depth:])
    count = math.prod(positions.shape[:-1])
    inputs = [
        views.read(source, [*source.shape[:depth], after]),
        views.read(positions, [count, depth]),
    ]
    [values] = views.emit(operator, inputs, [(operator.outputs[0], (count, after))])
    views.write(operator.outputs[0], values)


def _one_hot(operator: Operator, views: Views) -> None:
    positions, result = operand(operator, 0), operator.outputs[0]
    before, depth, after = _around(result.shape, operator.options.axis % result.rank)
    inputs = [views.read(positions, (before, after)), *operator.inputs[1:]]
    [values] = views.emit(operator, inputs, [(result, (before, depth, after))], axis=1)
    views.write(result, values)


def _last_axis(operator: Operator, views: Views) -> None:
    """Take all axes but the last together."""
    source = operand(operator, 0)
    rows = math.prod(source.shape[:-1])
    inputs = [views.read(source, (rows, source.shape[-1])), *operator.inputs[1:]]
    _emit_many(operator, views, inputs, lambda tensor: (rows, tensor.shape[-1]))


def _fully_connected(operator: Operator, views: Views) -> None:
    """Do the same; without ``keepNumDims`` the rows are as long as the weights take."""
    source, weights, result = operand(operator, 0), operand(operator, 1), operator.outputs[0]
    rows = math.prod(source.shape) // weights.shape[-1]
    inputs = [views.read(source, (rows, weights.shape[-1])), *operator.inputs[1:]]
    [values] = views.emit(operator, inputs, [(result, (rows, weights.shape[0]))])
    views.write(result, values)


AXIS_LOWERINGS: dict[str, Lowering] = {
    "RESHAPE": _reshape,
    "EXPAND_DIMS": _reshape,
    "SQUEEZE": _reshape,
    "TRANSPOSE": _transpose,
    "MEAN": _reduction,
    "SUM": _reduction,
    "REDUCE_MAX": _reduction,
    "REDUCE_MIN": _reduction,
    "REDUCE_PROD": _reduction,
    "REDUCE_ANY": _reduction,
    "REDUCE_ALL": _reduction,
    "ARG_MAX": _arg_extreme,
    "ARG_MIN": _arg_extreme,
    "CUMSUM": _cumsum,
    "CONCATENATION": _concatenation,
    "PACK": _pack,
    "UNPACK": _unpack,
    "SPLIT": _split,
    "SPLIT_V": _split_v,
    "GATHER": _gather,
    "GATHER_ND": _gather_nd,
    "ONE_HOT": _one_hot,
    "SOFTMAX": _last_axis,
    "LOG_SOFTMAX": _last_axis,
    "L2_NORMALIZATION": _last_axis,
    "TOPK_V2": _last_axis,
    "FULLY_CONNECTED": _fully_connected,
}
"""Operators by kind, and how each is written in at most four axes."""
