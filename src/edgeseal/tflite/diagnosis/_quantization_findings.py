"""Quantization parameters that are not valid, change without a word, or cancel."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from edgeseal.tflite.diagnosis._finding import Finding, find_nodes, nodes_of
from edgeseal.tflite.diagnosis._places import operand, result
from edgeseal.tflite.graph import Model, Operator, Subgraph, Tensor
from edgeseal.tflite.probe import constant_values, fit_problem, meaning_problem

__all__ = ["changes_scale", "find_quantization", "needless_quantizes"]

_MOVES_ONLY = frozenset(
    (
        "RESHAPE",
        "SQUEEZE",
        "EXPAND_DIMS",
        "TRANSPOSE",
        "SLICE",
        "STRIDED_SLICE",
        "GATHER",
        "GATHER_ND",
        "SPLIT",
        "SPLIT_V",
        "PACK",
        "UNPACK",
        "TILE",
        "REVERSE_V2",
        "BROADCAST_TO",
        "SPACE_TO_DEPTH",
        "DEPTH_TO_SPACE",
        "SPACE_TO_BATCH_ND",
        "BATCH_TO_SPACE_ND",
        "MIRROR_PAD",
    )
)
"""Operators whose kernels copy stored integers, whatever the scales on both sides."""

_EIGHT_BITS = ("INT8", "UINT8")
_COARSER = 8.0  # leaves values fewer than 32 of their 256 steps
_EXACT_IN_FLOAT = ("INT4", "INT8", "UINT8", "INT16")
"""Types that survive DEQUANTIZE and QUANTIZE to the bit."""


def find_quantization(model: Model) -> list[Finding]:
    """Look for quantization parameters that cost accuracy or do nothing."""
    return [
        *_invalid_quantization(model),
        *find_nodes("ES016", nodes_of(model), changes_scale),
        *_cancelling(model),
        *find_nodes("ES033", nodes_of(model), _coarsened(model)),
    ]


def needless_quantizes(subgraph: Subgraph) -> list[tuple[Operator, Tensor]]:
    """Return QUANTIZE operators that give back stored values, with the tensor that has them.

    That tensor has the same type and quantization as the result; it is the operand itself, or was
    dequantized into the operand.
    """
    made_by = {id(t): operator for operator in subgraph.operators for t in operator.outputs}
    ends = {id(tensor) for tensor in [*subgraph.inputs, *subgraph.outputs]}
    found = []
    for operator in subgraph.operators:
        source = operand(operator, 0) if operator.kind == "QUANTIZE" else None
        target = result(operator)
        first = made_by.get(id(source))
        if first is not None and first.kind == "DEQUANTIZE":
            source = operand(first, 0)
        if source is None or target is None or not _same_type(source, target):
            continue
        is_end = id(source) in ends or source.is_constant or source.is_variable
        is_exact = source.quantization is not None and source.dtype in _EXACT_IN_FLOAT
        if is_exact and not (is_end and id(target) in ends):
            found.append((operator, source))
    return found


def _cancelling(model: Model) -> list[Finding]:
    needless = {
        id(operator) for subgraph in model.subgraphs for operator, _ in needless_quantizes(subgraph)
    }
    return find_nodes("ES025", nodes_of(model), lambda operator: id(operator) in needless)


def _invalid_quantization(model: Model) -> Iterator[Finding]:
    tensors = [tensor for subgraph in model.subgraphs for tensor in subgraph.tensors()]
    for code, problem in (("ES015", _meaning_problem), ("ES035", fit_problem)):
        wrong = [tensor for tensor in tensors if problem(tensor)]
        if wrong:
            message = f"{wrong[0].name}: {problem(wrong[0])}"
            yield Finding(code, tensors=tuple(wrong), message=message)


def _meaning_problem(tensor: Tensor) -> str:
    """Return why a tensor's integers stand for no numbers; empty if they do for some."""
    if tensor.quantization is not None:
        return meaning_problem(tensor)
    scales = None if tensor.blockwise is None else constant_values(tensor.blockwise.scales)
    if scales is None or scales.dtype.kind != "f":
        return ""
    wrong = int(np.count_nonzero(~(np.isfinite(scales) & (scales > 0))))
    return f"{wrong} of {scales.size} scales of blocks are no positive number" if wrong else ""


def _coarsened(model: Model) -> Callable[[Operator], bool]:
    """Return what tells whether an operator joins values of which some lose most of their steps."""
    makers = {t: o for subgraph in model.subgraphs for o in subgraph.operators for t in o.outputs}

    def is_coarsened(operator: Operator) -> bool:
        if operator.kind != "CONCATENATION" or operator.is_custom:
            return False
        return any(_coarsening(makers.get(t)) for t in operator.inputs if t is not None)

    return is_coarsened


def _coarsening(operator: Operator | None) -> bool:
    """Whether a QUANTIZE gives 8-bit values a much coarser scale."""
    source = None if operator is None or operator.kind != "QUANTIZE" else operand(operator, 0)
    target = None if operator is None else result(operator)
    if source is None or target is None or source.dtype not in _EIGHT_BITS:
        return False
    fine, coarse = source.quantization, target.quantization
    if fine is None or coarse is None or target.dtype not in _EIGHT_BITS:
        return False
    sizes = [float(one.scale.max(initial=0)) for one in (fine, coarse)]
    return bool(sizes[1] > _COARSER * sizes[0] > 0)


def changes_scale(operator: Operator) -> bool:
    """Whether an operator that only moves stored integers has other scales on its two sides."""
    source = operand(operator, 0) if operator.kind in _MOVES_ONLY else None
    if source is None or source.quantization is None:
        return False
    return any(
        target.quantization is not None
        and source.dtype == target.dtype
        and not _same_type(source, target)
        for target in operator.outputs
    )


def _same_type(one: Tensor, other: Tensor) -> bool:
    """Whether stored values mean the same in both tensors."""
    if one.dtype != other.dtype:
        return False
    mine, its = one.quantization, other.quantization
    if mine is None or its is None:
        return mine is its
    return np.array_equal(mine.scale, its.scale) and np.array_equal(mine.zero_point, its.zero_point)
