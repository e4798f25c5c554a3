"""Operators that cut, pad or repeat along several axes, in at most four axes."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from edgeseal.tflite.graph import Operator, Tensor
from edgeseal.tflite.repairs.rank._axes import MAX_RANK
from edgeseal.tflite.repairs.rank._few_axes import Lowering, constant, integers, operand
from edgeseal.tflite.repairs.rank._views import UnlowerableError, Views

__all__ = ["RANGE_LOWERINGS"]


@dataclass(frozen=True, slots=True)
class _Range:
    """What happens along an axis.

    Attributes:
        size: of the axis before.
        result: size of the axis afterwards.
        first: position of the first value: behind its start (cut) or behind new values (padded).
        stride: step from one value to the next.
    """

    size: int
    result: int
    first: int = 0
    stride: int = 1

    @property
    def is_whole(self) -> bool:
        """Whether nothing happens."""
        return self.first == 0 and self.size == self.result and self.stride == 1

    def over(self, inner: int) -> _Range:
        """Return what happens when each position stands for ``inner`` values."""
        return _Range(self.size * inner, self.result * inner, self.first * inner)


Ranges = list[_Range]
Emit = Callable[[Tensor, Ranges], Tensor]


def _apply(
    operator: Operator, views: Views, ranges: Ranges, emit: Emit, *, is_separate: bool = False
) -> None:
    """Emit the operator for all axes at once, or where these are too many, for one after another.

    Args:
        operator: gives source and result.
        views: written to.
        ranges: for each axis.
        emit: writes the operator for a few ranges.
        is_separate: whether an axis cannot take the untouched ones behind it with it.
    """
    source, result = operand(operator, 0), operator.outputs[0]
    merged = _merged(ranges, is_separate=is_separate)
    if len(merged) <= MAX_RANK:
        values = emit(views.read(source, [r.size for r in merged]), merged)
        views.write(result, values)
        return
    values, done = source, list(merged)
    for axis, this in enumerate(merged):
        if not this.is_whole:
            before = math.prod(r.result for r in done[:axis])
            after = math.prod(r.size for r in done[axis + 1 :])
            around = [_Range(before, before), this, _Range(after, after)]
            values = emit(views.read(values, [r.size for r in around]), around)
    views.write(result, values)


def _merged(ranges: Ranges, *, is_separate: bool) -> Ranges:
    merged: Ranges = []
    for this in ranges:
        can_join = merged and this.is_whole and merged[-1].stride == 1
        if can_join and (merged[-1].is_whole or not is_separate):
            merged[-1] = merged[-1].over(this.size)
        else:
            merged.append(this)
    return merged


def _slice(operator: Operator, views: Views) -> None:
    source, begins, sizes = (operand(operator, position) for position in range(3))
    result = operator.outputs[0]
    triples = zip(source.shape, result.shape, integers(begins), strict=True)
    integers(sizes)  # known, so that the result's shape is

    def emit(values: Tensor, ranges: Ranges) -> Tensor:
        shape = [r.result for r in ranges]
        inputs = [values, constant(begins, [r.first for r in ranges]), constant(sizes, shape)]
        return views.emit(operator, inputs, [(result, shape)])[0]

    _apply(operator, views, [_Range(*triple) for triple in triples], emit)


def _strided_slice(operator: Operator, views: Views) -> None:
    begins, ends, strides = (operand(operator, position) for position in range(1, 4))
    result = operator.outputs[0]

    def emit(values: Tensor, ranges: Ranges) -> Tensor:
        stops = [r.first + (r.result - 1) * r.stride + 1 for r in ranges]
        inputs = [
            values,
            constant(begins, [r.first for r in ranges]),
            constant(ends, stops),
            constant(strides, [r.stride for r in ranges]),
        ]
        masks = dict.fromkeys(("beginMask", "endMask", "shrinkAxisMask"), 0)
        return views.emit(operator, inputs, [(result, [r.result for r in ranges])], **masks)[0]

    _apply(operator, views, _strided_ranges(operator), emit)


def _strided_ranges(operator: Operator) -> Ranges:
    options = operator.options
    if options is None or options.ellipsisMask or options.newAxisMask or options.offset:
        raise UnlowerableError("has an ellipsis, a new axis or an offset")
    begins, ends, strides = (integers(operand(operator, position)) for position in range(1, 4))
    ranges = []
    for axis, size in enumerate(operand(operator, 0).shape):
        start = None if options.beginMask >> axis & 1 else begins[axis]
        stop = None if options.endMask >> axis & 1 else ends[axis]
        if options.shrinkAxisMask >> axis & 1:
            start, stop = begins[axis], begins[axis] + 1 or None
        if strides[axis] < 1:
            raise UnlowerableError("steps backwards")
        chosen = range(size)[start : stop : strides[axis]]
        ranges.append(_Range(size, len(chosen), chosen.start, chosen.step))
    return ranges


def _pad(operator: Operator, views: Views) -> None:
    source, paddings, result = operand(operator, 0), operand(operator, 1), operator.outputs[0]
    triples = zip(source.shape, result.shape, integers(paddings)[::2], strict=True)

    def emit(values: Tensor, ranges: Ranges) -> Tensor:
        pairs = [(r.first, r.result - r.size - r.first) for r in ranges]
        inputs = [values, constant(paddings, pairs), *operator.inputs[2:]]
        return views.emit(operator, inputs, [(result, [r.result for r in ranges])])[0]

    # a mirrored axis takes nothing with it: the values behind it keep their own order
    is_mirror = operator.kind == "MIRROR_PAD"
    _apply(operator, views, [_Range(*t) for t in triples], emit, is_separate=is_mirror)


def _tile(operator: Operator, views: Views) -> None:
    source, counts, result = operand(operator, 0), operand(operator, 1), operator.outputs[0]
    integers(counts)  # known, so that the result's shape is

    def emit(values: Tensor, ranges: Ranges) -> Tensor:
        inputs = [values, constant(counts, [r.result // r.size for r in ranges])]
        return views.emit(operator, inputs, [(result, [r.result for r in ranges])])[0]

    pairs = zip(source.shape, result.shape, strict=True)
    _apply(operator, views, [_Range(*pair) for pair in pairs], emit)


def _reverse(operator: Operator, views: Views) -> None:
    """Reverse one axis after another, each between those before and those behind it."""
    source, axes_tensor, result = operand(operator, 0), operand(operator, 1), operator.outputs[0]
    values = source
    for axis in (axis % source.rank for axis in integers(axes_tensor)):
        shape = (
            math.prod(source.shape[:axis]),
            source.shape[axis],
            math.prod(source.shape[axis + 1 :]),
        )
        inputs = [views.read(values, shape), constant(axes_tensor, [1])]
        [values] = views.emit(operator, inputs, [(result, shape)])
    views.write(result, values)


RANGE_LOWERINGS: dict[str, Lowering] = {
    "SLICE": _slice,
    "STRIDED_SLICE": _strided_slice,
    "PAD": _pad,
    "PADV2": _pad,
    "MIRROR_PAD": _pad,
    "TILE": _tile,
    "REVERSE_V2": _reverse,
}
"""Operators by kind, and how each is written in at most four axes."""
