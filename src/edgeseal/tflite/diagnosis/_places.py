"""Operands and results by their place; damaged files lack some that an operator must have."""

from __future__ import annotations

from edgeseal.tflite.graph import Operator, Tensor

__all__ = ["operand", "result"]


def operand(operator: Operator, place: int) -> Tensor | None:
    """Return an operand; None where it is absent."""
    return next(iter(operator.inputs[place : place + 1]), None)


def result(operator: Operator) -> Tensor | None:
    """Return the first result; None where there is none."""
    return next(iter(operator.outputs), None)
