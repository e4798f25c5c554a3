"""The stream that every block of a network adds a little to, as pairs of INT8 tensors.

Norms read a stream whose channels may be of very different size, and hundreds of small sums run
into each other in it, so INT8 is too coarse for it; INT16 arithmetic on whole maps is slow where
INT8's is accelerated. So a stream is the sum of two INT8 tensors: what a block reads, and the rest
that its rounding cut off:

    v = change + rest;  next = round(stream + v);  next rest = (stream - next) + v

The differences are of the size of the change, so their steps are as fine as the change's own; the
scales of the stream are whole multiples of them, so that differences are exact.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from edgeseal.tflite.graph import (
    Operator,
    Quantization,
    Subgraph,
    Tensor,
    new_arithmetic,
    new_quantize,
)
from edgeseal.tflite.quantization.integer._integer_builder import (
    IntegerBuilder,
    Span,
    scale_of,
    symmetric,
)
from edgeseal.tflite.quantization.rewrite._fixed_layers import affine

__all__ = ["add_to_stream", "stream_sums"]

_LARGE = 16  # ratio of scales
_LEVELS = 255
_MEMORYLESS = ("RESHAPE", "TRANSPOSE")
_WORTH = 0.5  # of the result's step: a change whose own steps are coarser needs no rest


def stream_sums(
    subgraph: Subgraph, sources: Iterable[Tensor], narrow: set[Operator]
) -> tuple[set[Operator], set[Operator]]:
    """Find the sums that make what norms read.

    Args:
        subgraph: a float graph, as :func:`prepare` left it.
        sources: what norms read.
        narrow: operators that INT8 is enough for.

    Returns:
        Sums that become pairs, and operators before them that become INT16: factors per channel,
        and sums of those and constants.
    """
    makers = subgraph.producers()
    sums: set[Operator] = set()
    wide: set[Operator] = set()
    waiting = [(tensor, False) for tensor in sources]
    seen: set[tuple[Tensor, bool]] = set()
    while waiting:
        tensor, is_wide = waiting.pop()
        maker = makers.get(tensor)
        if maker is None or maker in narrow or (tensor, is_wide) in seen:
            continue
        seen.add((tensor, is_wide))
        operands = [one for one in maker.inputs if one is not None and not one.is_constant]
        if maker.kind in _MEMORYLESS:
            waiting.append((operands[0], is_wide))
        elif maker.kind == "MUL" or (maker.kind == "ADD" and is_wide):
            wide.add(maker)
            waiting += ((one, True) for one in operands)
        elif maker.kind == "ADD":
            sums.add(maker)
            waiting += ((one, False) for one in operands)
    found = {maker for maker in sums if not _is_made_wide(maker, makers, wide)}
    return found - wide, wide | (sums - found)


def _is_made_wide(total: Operator, makers: dict[Tensor, Operator], wide: set[Operator]) -> bool:
    """Whether INT16 operators and constants are all that a sum is made of."""
    for tensor in total.inputs:
        maker = None if tensor is None else makers.get(tensor)
        while maker is not None and maker.kind in _MEMORYLESS:
            source = maker.inputs[0]
            maker = None if source is None else makers.get(source)
        if maker is not None and maker not in wide:
            return False
    return True


def add_to_stream(operator: Operator, builder: IntegerBuilder) -> None:
    """Give a sum its integer form: a pair, or one INT8 tensor where a rest would tell nothing."""
    stream, change = operator.inputs
    assert stream is not None
    assert change is not None
    if _reach(builder.span(change)) > _reach(builder.span(stream)):
        stream, change = change, stream
    before = _part(builder, stream)
    added = _part(builder, change)
    bounds = builder.span(change)
    for rest in (builder.rests.get(stream), builder.rests.get(change)):
        if rest is not None:
            bounds = _widened(bounds, 127 * scale_of(rest))
            added = _sum("ADD", added, rest, affine(*bounds), builder)
    output = operator.outputs[0]
    needed = float(builder.quantization(output, "INT8").scale[0])
    finest, step = _whole_steps(scale_of(before), needed, bounds)
    result = builder.new(output, "INT8", builder.quantization(output, "INT8", step))
    copy = new_arithmetic("ADD", before, added, result)
    builder.made[operator] = copy
    builder.add(copy)
    step = scale_of(result)
    left = affine(*_widened((-bounds[1], -bounds[0]), step), least=finest)
    if float(left.scale[0]) > _WORTH * step:
        return
    difference = _sum("SUB", before, result, left, builder)
    most = (step + float(left.scale[0]) + scale_of(added)) / 2
    builder.rests[output] = _sum("ADD", difference, added, symmetric(most, 127), builder)


def _whole_steps(before: float, after: float, change: Span) -> tuple[float, float]:
    """Return scales for what a sum takes from another, and for the sum, that make that exact.

    NPUs multiply by ratios of scales in 12 bits or so, which puts the small difference of two large
    numbers off by up to a step, all the same way. Whole ratios are exact everywhere.

    Args:
        before: scale of what is added to.
        after: scale that the sum needs.
        change: bounds of what is added.
    """
    low, high = _widened(change, 2 * after)  # room for a sum's scale that is coarser than needed
    ratio = math.floor(before * _LEVELS / (high - low))
    if ratio < _LARGE:  # rounding it up would cost the sum, and NPUs are right there
        return 0.0, after
    finest = before / ratio
    return finest, finest * math.ceil(after / finest)


def _part(builder: IntegerBuilder, tensor: Tensor) -> Tensor:
    """Return a tensor as INT8; if it is computed as INT16, its rest is kept beside it."""
    is_wide = not tensor.is_constant and builder.home(tensor).dtype == "INT16"
    part = builder.form(tensor, "INT8")
    if is_wide and tensor not in builder.rests:
        home, step = builder.home(tensor), scale_of(part)
        again = Tensor(f"{part.name}/again", part.shape, "INT16", quantization=home.quantization)
        builder.add(new_quantize(part, again))
        difference = Tensor(f"{part.name}/rest16", part.shape, "INT16")
        difference.quantization = symmetric(step, 32767)
        builder.add(new_arithmetic("SUB", home, again, difference))
        rest = Tensor(f"{part.name}/rest", part.shape, "INT8")
        rest.quantization = symmetric(step / 2, 127)
        builder.add(new_quantize(difference, rest))
        builder.rests[tensor] = rest
    return part


def _sum(
    kind: str, first: Tensor, second: Tensor, quantization: Quantization, builder: IntegerBuilder
) -> Tensor:
    shape = tuple(int(size) for size in np.broadcast_shapes(first.shape, second.shape))
    result = Tensor(f"{second.name}/{kind.lower()}", shape, "INT8", quantization=quantization)
    builder.add(new_arithmetic(kind, first, second, result))
    return result


def _reach(span: Span) -> float:
    return max(-span[0], span[1])


def _widened(span: Span, margin: float) -> Span:
    return span[0] - margin, span[1] + margin
