"""Operators that work value by value, and reductions."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import torch

from edgeseal.tflite.graph import NO_ACTIVATION
from edgeseal.watermark.convert.lowering._lowering_builder import (
    LoweringBuilder,
    Operand,
    Shape,
    Value,
)

__all__ = ["ELEMENTWISE"]

Lowering = Callable[..., Value]

_ACTIVATED = ("ADD", "SUB", "MUL", "DIV")  # have an activation among their options


def _unary(kind: str) -> Lowering:
    def lowering(b: LoweringBuilder, shape: Shape, x: Value) -> Value:
        return _mapped(b, kind, x)

    return lowering


def _mapped(b: LoweringBuilder, kind: str, x: Value, **options: Any) -> Value:
    return Value(b.op(kind, [x.tensor], x.tensor.shape, **options), x.order)


def _together(
    b: LoweringBuilder,
    kind: str,
    shape: Shape,
    operands: Sequence[Operand],
    *,
    dtype: str = "FLOAT32",
) -> Value:
    """Apply an operator that broadcasts; values of one order keep it."""
    orders = {operand.order for operand in operands if isinstance(operand, Value)}
    order = tuple(range(len(shape)))
    if len(orders) == 1 and len(common := orders.pop()) == len(shape):
        order = common
    stored = [b.stored(operand, order) for operand in operands]
    made = [shape[order.index(axis)] for axis in range(len(shape))]
    options: dict[str, Any] = (
        {"fusedActivationFunction": NO_ACTIVATION} if kind in _ACTIVATED else {}
    )
    return Value(b.op(kind, stored, made, dtype=dtype, **options), order)


def _binary(kind: str) -> Lowering:
    def lowering(b: LoweringBuilder, shape: Shape, x: Operand, y: Operand) -> Value:
        return _together(b, kind, shape, [x, y])

    return lowering


def _comparison(kind: str) -> Lowering:
    def lowering(b: LoweringBuilder, shape: Shape, x: Operand, y: Operand) -> Value:
        return _together(b, kind, shape, [x, y], dtype="BOOL")

    return lowering


def _is_all(operand: Operand, number: float) -> bool:
    """Whether an operand is a constant of one number."""
    return not isinstance(operand, Value) and bool((torch.as_tensor(operand) == number).all())


def _same(operand: Operand, shape: Shape) -> Value | None:
    """Return an operand that has a shape already."""
    return operand if isinstance(operand, Value) and operand.shape == shape else None


def _add(b: LoweringBuilder, shape: Shape, x: Operand, y: Operand, alpha: float = 1) -> Value:
    y = y if alpha == 1 else _scaled(b, y, alpha)
    for one, other in ((x, y), (y, x)):
        if _is_all(other, 0) and (same := _same(one, shape)):
            return same
    return _together(b, "ADD", shape, [x, y])


def _sub(b: LoweringBuilder, shape: Shape, x: Operand, y: Operand, alpha: float = 1) -> Value:
    y = y if alpha == 1 else _scaled(b, y, alpha)
    if _is_all(y, 0) and (same := _same(x, shape)):
        return same
    return _together(b, "SUB", shape, [x, y])


def _rsub(b: LoweringBuilder, shape: Shape, x: Operand, y: Operand, alpha: float = 1) -> Value:
    return _sub(b, shape, y, x, alpha)


def _scaled(b: LoweringBuilder, operand: Operand, factor: float) -> Operand:
    if isinstance(operand, Value):
        return _together(b, "MUL", operand.shape, [operand, factor])
    return operand * factor


def _mul(b: LoweringBuilder, shape: Shape, x: Operand, y: Operand) -> Value:
    for one, other in ((x, y), (y, x)):
        if _is_all(other, 1) and (same := _same(one, shape)):
            return same
    return _together(b, "MUL", shape, [x, y])


def _div(b: LoweringBuilder, shape: Shape, x: Operand, y: Operand) -> Value:
    if _is_all(y, 1) and (same := _same(x, shape)):
        return same
    if isinstance(y, int | float):
        return _together(b, "MUL", shape, [x, 1 / y])
    return _together(b, "DIV", shape, [x, y])


def _pow(b: LoweringBuilder, shape: Shape, x: Operand, exponent: Operand) -> Value:
    if isinstance(exponent, int | float) and exponent == 2:
        return _together(b, "MUL", shape, [x, x])
    return _together(b, "POW", shape, [x, exponent])


def _gelu(b: LoweringBuilder, shape: Shape, x: Value, approximate: str = "none") -> Value:
    return _mapped(b, "GELU", x, approximate=approximate == "tanh")


def _silu(b: LoweringBuilder, shape: Shape, x: Value) -> Value:
    return _together(b, "MUL", shape, [x, _mapped(b, "LOGISTIC", x)])


def _clamp(
    b: LoweringBuilder, shape: Shape, x: Value, low: float | None = None, high: float | None = None
) -> Value:
    # not RELU_0_TO_1, which GPUs refuse
    if low is not None:
        x = _together(b, "MAXIMUM", shape, [x, low])
    return x if high is None else _together(b, "MINIMUM", shape, [x, high])


def _where(b: LoweringBuilder, shape: Shape, condition: Operand, x: Operand, y: Operand) -> Value:
    return _together(b, "SELECT_V2", shape, [condition, x, y])


def _reduced(
    kind: str,
    b: LoweringBuilder,
    shape: Shape,
    x: Value,
    dims: int | Sequence[int] | None = None,
    keepdim: bool = False,
    dtype: object = None,
) -> Value:
    rank = len(x.shape)
    found = range(rank) if dims is None or dims == [] else [dims] if isinstance(dims, int) else dims
    axes = [dim % rank for dim in found]
    if not keepdim:
        plain = b.plain(x)
        inputs = [plain, b.integers(axes)]
        return Value.of(b.op(kind, inputs, shape, keepDims=False))
    stored = sorted(x.order[axis] for axis in axes)
    kept = [1 if axis in stored else size for axis, size in enumerate(x.tensor.shape)]
    inputs = [x.tensor, b.integers(stored)]
    return Value(b.op(kind, inputs, kept, keepDims=True), x.order)


def _softmax(b: LoweringBuilder, shape: Shape, x: Value, dim: int, dtype: object = None) -> Value:
    last = len(shape) - 1
    dims = [axis for axis in range(last + 1) if axis != dim % len(shape)] + [dim % len(shape)]
    plain = b.plain(x.permuted(dims))
    made = Value.of(b.op("SOFTMAX", [plain], plain.shape, beta=1.0))
    return made.permuted([dims.index(axis) for axis in range(last + 1)])


ELEMENTWISE: dict[str, Lowering] = {
    "abs": _unary("ABS"),
    "add": _add,
    "clamp": _clamp,
    "clamp_min": _clamp,
    "cos": _unary("COS"),
    "div": _div,
    "eq": _comparison("EQUAL"),
    "exp": _unary("EXP"),
    "ge": _comparison("GREATER_EQUAL"),
    "gelu": _gelu,
    "gt": _comparison("GREATER"),
    "le": _comparison("LESS_EQUAL"),
    "log": _unary("LOG"),
    "lt": _comparison("LESS"),
    "maximum": _binary("MAXIMUM"),
    "mean": functools.partial(_reduced, "MEAN"),
    "minimum": _binary("MINIMUM"),
    "mul": _mul,
    "neg": _unary("NEG"),
    "pow": _pow,
    "relu": _unary("RELU"),
    "rsqrt": _unary("RSQRT"),
    "rsub": _rsub,
    "sigmoid": _unary("LOGISTIC"),
    "silu": _silu,
    "sin": _unary("SIN"),
    "softmax": _softmax,
    "sqrt": _unary("SQRT"),
    "square": lambda b, shape, x: _together(b, "MUL", shape, [x, x]),
    "sub": _sub,
    "sum": functools.partial(_reduced, "SUM"),
    "tanh": _unary("TANH"),
    "where": _where,
}
