"""The parts of an output that a CONCATENATION joins, such as boxes and scores."""

from __future__ import annotations

from edgeseal.tflite.graph._model import Operator, Subgraph
from edgeseal.tflite.graph._tensor import Tensor

__all__ = ["Part", "output_parts"]

Part = tuple[slice, ...]
"""Where the values of a part are in the whole."""

_SAME_SHAPE = ("QUANTIZE", "DEQUANTIZE", "CAST")
_MOST_PARTS = 16


def output_parts(subgraph: Subgraph, output: Tensor) -> list[Part]:
    """Return where the parts of an output are; none where it is not joined of several."""
    makers = subgraph.producers()
    tensor, order = output, list(range(output.rank))  # where each dimension of `tensor` went
    while (maker := makers.get(tensor)) is not None:
        if maker.kind == "CONCATENATION" and maker.options is not None:
            return _parts(maker, order)
        source = maker.inputs[0] if maker.inputs else None
        if source is None:
            return []
        if maker.kind == "TRANSPOSE":
            axes = _axes(maker)
            if sorted(axes) != list(range(tensor.rank)):
                return []
            order = [order[axes.index(dimension)] for dimension in range(tensor.rank)]
        elif maker.kind not in _SAME_SHAPE and not (
            maker.kind == "RESHAPE" and source.shape == tensor.shape
        ):
            return []
        tensor = source
    return []


def _parts(maker: Operator, order: list[int]) -> list[Part]:
    rank = len(order)
    sizes = [part.shape for part in maker.inputs if part is not None]
    if not 2 <= len(sizes) <= _MOST_PARTS or any(len(shape) != rank for shape in sizes) or not rank:
        return []
    axis, start, found = int(maker.options.axis) % rank, 0, []
    for shape in sizes:
        where = [slice(None)] * rank
        where[order[axis]] = slice(start, start + shape[axis])
        found.append(tuple(where))
        start += shape[axis]
    return found


def _axes(transpose: Operator) -> list[int]:
    given = transpose.inputs[1]
    if given is None or given.buffer is None or given.dtype != "INT32":
        return []
    return [int(axis) for axis in given.buffer.data.view("<i4")]
