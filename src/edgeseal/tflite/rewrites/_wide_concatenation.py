"""CONCATENATION of many tensors as one of a few at a time, which the delegate takes.

The accelerated delegate joins up to five tensors; a wider CONCATENATION runs on LiteRT's own kernel
and cuts the graph in two.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from edgeseal.tflite.graph import (
    NO_ACTIVATION,
    Operator,
    Tensor,
    new_concatenation,
    tensor_like,
)
from edgeseal.tflite.rewrites._rewrite import OperatorRewrite, Proof, Replacement, Site

__all__ = ["SPLIT_WIDE_CONCATENATIONS"]

_MOST_INPUTS = 5  # of the delegate's CONCATENATION
_TYPES = ("FLOAT32", "INT8")


def _find(site: Site) -> Iterator[Replacement]:
    if _is_wide(site.operator):
        text = f"split into those of {_MOST_INPUTS} tensors at most"
        yield Replacement(text, {site.operator: _in_steps(site.operator)})


def _is_wide(operator: Operator) -> bool:
    if operator.kind != "CONCATENATION" or operator.is_custom or operator.options is None:
        return False
    result = operator.outputs[0]
    parts = [part for part in operator.inputs if part is not None]
    return (
        len(parts) == len(operator.inputs) > _MOST_INPUTS
        and result.dtype in _TYPES
        and operator.options.fusedActivationFunction == NO_ACTIVATION
        and not any(part.is_dynamic or part.rank != result.rank for part in parts)
    )


def _in_steps(operator: Operator) -> list[Operator]:
    result = operator.outputs[0]
    axis = operator.options.axis % result.rank
    parts = [part for part in operator.inputs if part is not None]
    made: list[Operator] = []
    while len(parts) > _MOST_INPUTS:
        groups = [parts[i : i + _MOST_INPUTS] for i in range(0, len(parts), _MOST_INPUTS)]
        parts = [_joined(group, axis, result, made) for group in groups]
    made.append(new_concatenation(parts, axis, result))
    return made


def _joined(group: Sequence[Tensor], axis: int, result: Tensor, made: list[Operator]) -> Tensor:
    """Return a few tensors as one, and add what makes it."""
    if len(group) == 1:
        return group[0]
    shape = list(result.shape)
    shape[axis] = sum(part.shape[axis] for part in group)
    joined = tensor_like(result, f"{result.name}/part{len(made)}", shape)
    made.append(new_concatenation(group, axis, joined))
    return joined


SPLIT_WIDE_CONCATENATIONS = OperatorRewrite(
    "wide-concatenations", "CONCATENATION of more than five tensors in steps", Proof.EXACT, _find
)
