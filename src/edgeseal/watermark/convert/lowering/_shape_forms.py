"""Operators that move values and compute nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from edgeseal.errors import ConversionError
from edgeseal.tflite.graph import NO_ACTIVATION
from edgeseal.watermark.convert.lowering._lowering_builder import (
    LoweringBuilder,
    Operand,
    Shape,
    Value,
)

__all__ = ["SHAPES"]

_REFLECT = 0


def _same(b: LoweringBuilder, shape: Shape, x: Value, *rest: object) -> Value:
    return x


def _permute(b: LoweringBuilder, shape: Shape, x: Value, dims: Sequence[int]) -> Value:
    return x.permuted(dims)


def _transpose(b: LoweringBuilder, shape: Shape, x: Value, first: int, second: int) -> Value:
    dims = list(range(len(shape)))
    dims[first], dims[second] = dims[second], dims[first]
    return x.permuted(dims)


def _reshape(b: LoweringBuilder, shape: Shape, x: Value, *rest: object) -> Value:
    return x if x.shape == shape else Value.of(b.reshaped(b.plain(x), shape))


def _expand(b: LoweringBuilder, shape: Shape, x: Value, *rest: object) -> Value:
    if x.shape == shape:
        return x
    return Value.of(b.op("BROADCAST_TO", [b.plain(x), b.integers(shape)], shape))


def _cat(b: LoweringBuilder, shape: Shape, operands: Sequence[Operand], dim: int = 0) -> Value:
    dim %= len(shape)
    orders = {operand.order for operand in operands if isinstance(operand, Value)}
    order = orders.pop() if len(orders) == 1 else tuple(range(len(shape)))
    stored = [b.stored(operand, order) for operand in operands]
    made = [shape[order.index(axis)] for axis in range(len(shape))]
    axis = order[dim]
    result = b.op("CONCATENATION", stored, made, axis=axis, fusedActivationFunction=NO_ACTIVATION)
    return Value(result, order)


def _slice(
    b: LoweringBuilder,
    shape: Shape,
    x: Value,
    dim: int = 0,
    start: int | None = None,
    end: int | None = None,
    step: int = 1,
) -> Value:
    if step != 1:
        raise ConversionError(f"{b.scope} a slice with steps of {step}")
    first, last, _ = slice(start, end).indices(x.shape[dim])
    return _part(b, x, dim, first, last - first)


def _part(b: LoweringBuilder, x: Value, dim: int, start: int, size: int) -> Value:
    if size == x.shape[dim]:
        return x
    axis = x.order[dim]
    begins, sizes = [0] * len(x.order), list(x.tensor.shape)
    begins[axis], sizes[axis] = start, size
    inputs = [x.tensor, b.integers(begins), b.integers(sizes)]
    return Value(b.op("SLICE", inputs, sizes), x.order)


def _select(b: LoweringBuilder, shape: Shape, x: Value, dim: int, index: int) -> Value:
    part = _part(b, x, dim, index % x.shape[dim], 1)
    return Value.of(b.reshaped(b.plain(part), shape))


def _split(
    b: LoweringBuilder, shape: object, x: Value, sizes: int | Sequence[int], dim: int = 0
) -> tuple[Value, ...]:
    length, starts = x.shape[dim], [0]
    if isinstance(sizes, int):
        sizes = [min(sizes, length - at) for at in range(0, length, sizes)]
    for size in sizes:
        starts.append(starts[-1] + size)
    parts = zip(starts, sizes, strict=False)
    return tuple(_part(b, x, dim, start, size) for start, size in parts)


def _chunk(
    b: LoweringBuilder, shape: object, x: Value, count: int, dim: int = 0
) -> tuple[Value, ...]:
    return _split(b, shape, x, -(-x.shape[dim] // count), dim)


def _unbind(b: LoweringBuilder, shape: object, x: Value, dim: int = 0) -> tuple[Value, ...]:
    rest = [size for axis, size in enumerate(x.shape) if axis != dim % len(x.shape)]
    return tuple(_select(b, tuple(rest), x, dim, index) for index in range(x.shape[dim]))


def _stack(b: LoweringBuilder, shape: Shape, operands: Sequence[Operand], dim: int = 0) -> Value:
    dim %= len(shape)
    single = [1 if axis == dim else size for axis, size in enumerate(shape)]
    parts = [Value.of(b.reshaped(b.plain(operand), single)) for operand in operands]
    return _cat(b, shape, parts, dim)


def _pad(
    b: LoweringBuilder,
    shape: Shape,
    x: Value,
    sizes: Sequence[int],
    mode: str = "constant",
    value: float | None = None,
) -> Value:
    if mode not in ("constant", "reflect") or value or min(sizes) < 0:
        raise ConversionError(f"{b.scope} padding by {list(sizes)}, {mode}, {value}")
    if x.tensor.shape[-1] == 1:  # XNNPACK would pad the dimensions before it value by value
        x = Value.of(b.plain(x))
    pairs = [[0, 0] for _ in shape]
    for place, dim in enumerate(reversed(range(len(shape)))):
        pairs[x.order[dim]] = list(sizes[2 * place : 2 * place + 2]) or [0, 0]
    made = [size + sum(pair) for size, pair in zip(x.tensor.shape, pairs, strict=True)]
    inputs = [x.tensor, b.integers(pairs)]
    if mode == "constant":
        return Value(b.op("PAD", inputs, made), x.order)
    return Value(b.op("MIRROR_PAD", inputs, made, mode=_REFLECT), x.order)


SHAPES: dict[str, Callable[..., Value | tuple[Value, ...]]] = {
    "alias": _same,
    "cat": _cat,
    "chunk": _chunk,
    "clone": _same,
    "contiguous": _same,
    "detach": _same,
    "dropout": _same,
    "expand": _expand,
    "flatten": _reshape,
    "pad": _pad,
    "permute": _permute,
    "reshape": _reshape,
    "select": _select,
    "slice": _slice,
    "split": _split,
    "split_with_sizes": _split,
    "squeeze": _reshape,
    "stack": _stack,
    "transpose": _transpose,
    "unbind": _unbind,
    "unflatten": _reshape,
    "unsqueeze": _reshape,
    "view": _reshape,
}
