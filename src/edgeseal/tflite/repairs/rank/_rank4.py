"""Writes operators of rank 5 and more in rank 4 or less, exactly.

NPU and GPU delegates refuse higher ranks. Such tensors come from window partition, from the
reshapes and transposes of attention and from decomposed relative positions. Their axes need not
be apart in every operator: each operator is written over groups of axes that it treats alike, and
a tensor of high rank between two of them becomes a tensor of low rank that one side writes and
the other reads in its own shape. Reshaping moves no values, so results stay the same to the bit;
only sums over several axes may be added up in another order.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from edgeseal.tflite.graph import Model, Operator, Subgraph, Tensor
from edgeseal.tflite.repairs.rank._axes import MAX_RANK
from edgeseal.tflite.repairs.rank._few_axes import Lowering
from edgeseal.tflite.repairs.rank._lower_axis import AXIS_LOWERINGS
from edgeseal.tflite.repairs.rank._lower_elementwise import ELEMENTWISE_LOWERINGS
from edgeseal.tflite.repairs.rank._lower_ranges import RANGE_LOWERINGS
from edgeseal.tflite.repairs.rank._views import UnlowerableError, Views
from edgeseal.tflite.rewrites import ModelChange, ModelRewrite, Proof

__all__ = ["LOWER_RANK", "unlowerable_reason"]

_CODE = "ES022"
_LOWERINGS: dict[str, Lowering] = {**AXIS_LOWERINGS, **ELEMENTWISE_LOWERINGS, **RANGE_LOWERINGS}


def _change(model: Model) -> Iterator[ModelChange]:
    """Leave no tensor more than four axes, but those of callers and of operators that stay."""
    for subgraph in model.subgraphs:
        yield from _lower_subgraph(subgraph)


def unlowerable_reason(operator: Operator) -> str | None:
    """Return why an operator cannot be rewritten to rank 4 or less, or None if it can."""
    if operator.is_custom or operator.kind not in _LOWERINGS:
        return "is not known to work alike in fewer axes"
    if not operator.outputs or not operator.inputs or operator.inputs[0] is None:
        return "has no operand or no result"
    for tensor in _operands(operator):
        if tensor.is_variable:
            return f"uses {tensor.name}, which is kept between runs"
        if tensor.is_dynamic or 0 in tensor.shape:
            return f"uses {tensor.name}, whose size is not fixed or zero"
    try:
        _LOWERINGS[operator.kind](operator, Views())
    except UnlowerableError as error:
        return str(error)
    return None


def _lower_subgraph(subgraph: Subgraph) -> Iterator[ModelChange]:
    pinned = _pinned(subgraph)
    free = {id(tensor) for tensor in _high(subgraph.tensors())} - pinned
    if not free:
        return
    kept = [tensor for tensor in subgraph.tensors() if id(tensor) in pinned]
    views, lowered = Views(kept), []
    for operator in subgraph.operators:
        if any(id(tensor) in free for tensor in _operands(operator)):
            _LOWERINGS[operator.kind](operator, views)
            lowered.append(operator)
        else:
            operator.inputs = [t if t is None else views.current(t) for t in operator.inputs]
            views.operators.append(operator)
    subgraph.operators = views.operators
    yield from _changes(lowered)


def _pinned(subgraph: Subgraph) -> set[int]:
    """Return the tensors that have to stay as they are: the callers', and what cannot change."""
    pinned = {id(tensor) for tensor in [*subgraph.inputs, *subgraph.outputs]}
    pinned |= {id(tensor) for tensor in subgraph.extra_tensors}
    for operator in subgraph.operators:
        if _high(_operands(operator)) and unlowerable_reason(operator) is not None:
            pinned |= {id(tensor) for tensor in _operands(operator)}
    return pinned


def _operands(operator: Operator) -> list[Tensor]:
    inputs = [tensor for tensor in operator.inputs if tensor is not None]
    return [*inputs, *operator.outputs, *operator.intermediates]


def _high(tensors: Iterable[Tensor]) -> list[Tensor]:
    return [tensor for tensor in tensors if tensor.rank > MAX_RANK]


def _changes(lowered: list[Operator]) -> Iterator[ModelChange]:
    by_kind: defaultdict[str, list[Operator]] = defaultdict(list)
    for operator in lowered:
        by_kind[operator.kind].append(operator)
    for operators in by_kind.values():
        ranks = {tensor.rank for o in operators for tensor in _high(_operands(o))}
        rank = " and ".join(map(str, sorted(ranks)))
        yield ModelChange.of(operators, f"of rank {rank} rewritten to rank 4", _CODE)


LOWER_RANK = ModelRewrite(
    "rank", "operators of rank 5 and more in rank 4 or less", Proof.ROUNDING, _change
)
