"""Square roots, quotients and sums of squares over pixels, as global response norms have them.

The same function in float, with operators that integers and compilers for NPUs have:
sqrt(x) = x / sqrt(x), and a / b = a (1 / sqrt(b))^2 for b > 0. A sum of squares over many pixels is
taken in groups: each is rounded to INT8, so their errors average out in the sum of the groups.
"""

from __future__ import annotations

import math

import numpy as np

from edgeseal.tflite.graph import (
    Operator,
    Subgraph,
    Tensor,
    float32_constant,
    int32_constant,
    new_arithmetic,
    new_operator,
    new_reduction,
    new_reshape,
)
from edgeseal.tflite.probe import constant_values

__all__ = ["rewrite_roots"]

_GROUPS = 32
_TINY = 1e-12


def rewrite_roots(subgraph: Subgraph) -> set[Operator]:
    """Rewrite SQRT, DIV by what is positive, and sums of squares over the rows of a matrix.

    Returns:
        Operators that INT8 is enough for, though they lead to a root.
    """
    narrow: set[Operator] = set()
    roots: set[Tensor] = set()
    for operator in list(subgraph.operators):
        makers = subgraph.producers()
        if operator.kind == "SQRT":
            _replace(subgraph, operator, _square_root(operator))
            roots.update(operator.outputs)
        elif operator.kind == "DIV" and _is_positive(operator.inputs[1], makers, roots):
            _replace(subgraph, operator, _quotient(operator))
        elif operator.kind == "SUM" and (square := _square_of_rows(operator, makers)):
            made = _grouped(operator)
            _replace(subgraph, operator, made)
            narrow |= {square, *(o for o in made[:-1] if o.kind == "SUM")}
    return narrow


def _replace(subgraph: Subgraph, old: Operator, new: list[Operator]) -> None:
    place = subgraph.operators.index(old)
    subgraph.operators[place : place + 1] = new


def _square_root(root: Operator) -> list[Operator]:
    source, result = root.inputs[0], root.outputs[0]
    assert source is not None
    safe, inverse = _like(result, "safe"), _like(result, "inverse")
    tiny = float32_constant(f"{result.name}/tiny", np.full((1,) * result.rank, _TINY, np.float32))
    return [
        new_arithmetic("ADD", source, tiny, safe),
        new_operator("RSQRT", [safe], [inverse]),
        new_arithmetic("MUL", source, inverse, result),
    ]


def _quotient(division: Operator) -> list[Operator]:
    numerator, divisor = division.inputs
    result = division.outputs[0]
    assert numerator is not None
    assert divisor is not None
    root, inverse = _like(divisor, "root"), _like(divisor, "inverse")
    return [
        new_operator("RSQRT", [divisor], [root]),
        new_arithmetic("MUL", root, root, inverse),
        new_arithmetic("MUL", numerator, inverse, result, activation=_activation(division)),
    ]


def _is_positive(tensor: Tensor | None, makers: dict[Tensor, Operator], roots: set[Tensor]) -> bool:
    """Whether a divisor is a mean or sum of square roots, plus a constant; or clamped above 0."""
    while tensor is not None and tensor not in roots and (maker := makers.get(tensor)) is not None:
        if maker.kind in ("RSQRT", "EXP"):
            return True
        if maker.kind in ("ADD", "MAXIMUM"):
            constants = [v for t in maker.inputs if t and (v := constant_values(t)) is not None]
            rest = [t for t in maker.inputs if t is not None and not t.is_constant]
            if len(rest) != 1 or len(constants) != 1:
                return False
            if maker.kind == "MAXIMUM" and constants[0].min() > 0:
                return True
            if maker.kind == "ADD" and not constants[0].min() >= 0:
                return False
            tensor = rest[0]
        elif maker.kind in ("MEAN", "SUM", "RESHAPE"):
            tensor = maker.inputs[0]
        else:
            return False
    return tensor in roots


def _square_of_rows(total: Operator, makers: dict[Tensor, Operator]) -> Operator | None:
    """Return the product of a matrix with itself whose rows are summed."""
    source, axes = total.inputs
    maker = None if source is None else makers.get(source)
    values = None if axes is None else constant_values(axes)
    if maker is None or values is None or source is None or source.rank != 2:
        return None
    if maker.kind != "MUL" or maker.inputs[0] is not maker.inputs[1]:
        return None
    return maker if list(values.reshape(-1)) == [0] else None


def _grouped(total: Operator) -> list[Operator]:
    source, result = total.inputs[0], total.outputs[0]
    assert source is not None
    rows, channels = source.shape
    groups = math.gcd(rows, _GROUPS)
    split = Tensor(f"{result.name}/split", (groups, rows // groups, channels), "FLOAT32")
    parts = Tensor(f"{result.name}/parts", (groups, channels), "FLOAT32")
    return [
        new_reshape(source, split, shape=_integers(split.shape)),
        new_reduction("SUM", split, _integers((1,)), parts, keep_dims=False),
        new_reduction("SUM", parts, _integers((0,)), result, keep_dims=total.options.keepDims),
    ]


def _integers(values: tuple[int, ...]) -> Tensor:
    return int32_constant("numbers", values)


def _like(tensor: Tensor, part: str) -> Tensor:
    return Tensor(f"{tensor.name}/{part}", tensor.shape, "FLOAT32")


def _activation(operator: Operator) -> int:
    return 0 if operator.options is None else int(operator.options.fusedActivationFunction)
