"""MIRROR_PAD by a few rows as SLICE and CONCATENATION, which the accelerated delegate takes.

LiteRT's own MIRROR_PAD computes the position of every value, which takes much of the time of an
INT8 UNet for borders of one pixel. Copying the whole in runs and the border rows one by one gives
the same values. `benchmarks/lean_graph.py` measures the gain.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from edgeseal.tflite.graph import (
    Operator,
    new_concatenation,
    new_slice,
    tensor_like,
)
from edgeseal.tflite.rewrites._rewrite import OperatorRewrite, Proof, Replacement, Site

__all__ = ["UNFOLD_MIRROR_PADS"]

_MOST_ROWS = 4  # on both sides of an axis together; each is an operator of its own
_SYMMETRIC = 1  # MirrorPadMode: the border itself is repeated too
_TYPES = ("FLOAT32", "INT8")


def _find(site: Site) -> Iterator[Replacement]:
    paddings = _narrow_paddings(site.operator)
    if paddings is not None:
        made = _unfolded(site.operator, paddings)
        yield Replacement("written as SLICE and CONCATENATION", {site.operator: made})


def _narrow_paddings(operator: Operator) -> list[tuple[int, int, int]] | None:
    """Return axis, rows before and rows behind where the operator can be rewritten."""
    if operator.kind != "MIRROR_PAD" or operator.is_custom or operator.options is None:
        return None
    source, widths = operator.inputs[0], operator.inputs[1]
    if source is None or widths is None or widths.buffer is None or source.is_dynamic:
        return None
    if source.dtype not in _TYPES or not source.shape or widths.dtype not in ("INT32", "INT64"):
        return None
    kind = np.int32 if widths.dtype == "INT32" else np.int64
    pairs = widths.buffer.data.view(kind).reshape(-1, 2)
    padded = [(axis, int(a), int(b)) for axis, (a, b) in enumerate(pairs) if a or b]
    is_narrow = all(before + behind <= _MOST_ROWS for _, before, behind in padded)
    return padded if padded and is_narrow else None


def _unfolded(operator: Operator, paddings: list[tuple[int, int, int]]) -> list[Operator]:
    source, result = operator.inputs[0], operator.outputs[0]
    assert source is not None
    skipped = 0 if operator.options.mode == _SYMMETRIC else 1
    made: list[Operator] = []
    # the last axis first: what it copies row by row is smaller then
    for axis, before, behind in reversed(paddings):
        size = source.shape[axis]
        first = [skipped + i for i in reversed(range(before))]
        last = [size - 1 - skipped - i for i in range(behind)]
        borders = {row: new_slice(source, axis, row, 1) for row in dict.fromkeys(first + last)}
        shape = list(source.shape)
        shape[axis] += before + behind
        is_last = axis == paddings[0][0]
        padded = result if is_last else tensor_like(source, f"{result.name}/{axis}", shape)
        parts = [borders[row].outputs[0] for row in first]
        parts += [source, *(borders[row].outputs[0] for row in last)]
        made += [*borders.values(), new_concatenation(parts, axis, padded)]
        source = padded
    return made


UNFOLD_MIRROR_PADS = OperatorRewrite(
    "mirror-pads", "MIRROR_PAD by a few rows as SLICE and CONCATENATION", Proof.EXACT, _find
)
