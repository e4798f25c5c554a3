"""Order between operators that no tensor shows, which files keep in a metadata entry.

The entry names operators by their place, and LiteRT trusts it: a place that has moved or gone
leads it astray. In the graph, operators refer to each other instead.
"""

from __future__ import annotations

from collections.abc import Iterator

from edgeseal.tflite.graph._model import Model, Subgraph

__all__ = ["CONTROL_METADATA", "control_metadata", "read_control_metadata"]

CONTROL_METADATA = "model_control_dependencies"
_VERSION = 1
_BITS = 7  # of a number in each byte, the lowest first; the 8th bit says: go on
_DIGIT = 1 << _BITS
_MOST_DIGITS = 5  # of a 32-bit number

_Edges = list[list[tuple[int, int]]]


def read_control_metadata(model: Model) -> None:
    """Turn the metadata entry into references; one that LiteRT would not follow stays as it is."""
    try:
        edges = _decode(iter(model.metadata.get(CONTROL_METADATA, b"")))
    except ValueError:
        return
    if len(edges) != len(model.subgraphs):
        return
    for subgraph, pairs in zip(model.subgraphs, edges, strict=True):
        if not all(0 <= place < len(subgraph.operators) for pair in pairs for place in pair):
            return
    for subgraph, pairs in zip(model.subgraphs, edges, strict=True):
        operators = subgraph.operators
        subgraph.control_edges = [(operators[first], operators[then]) for first, then in pairs]
    del model.metadata[CONTROL_METADATA]


def control_metadata(model: Model) -> bytes | None:
    """Return the content of the metadata entry; None where LiteRT is to find an order itself."""
    if all(subgraph.control_edges is None for subgraph in model.subgraphs):
        return None
    numbers = [_VERSION, len(model.subgraphs)]
    for subgraph in model.subgraphs:
        pairs = list(_places(subgraph))
        # signed numbers, though there are none below 0: twice their value, plus 1 for those
        numbers += [len(pairs), *(2 * place for pair in pairs for place in pair)]
    return b"".join(map(_number, numbers))


def _places(subgraph: Subgraph) -> Iterator[tuple[int, int]]:
    """Yield the places of operators that must follow each other and are both still there."""
    places = {operator: place for place, operator in enumerate(subgraph.operators)}
    for first, then in subgraph.control_edges or ():
        if first in places and then in places:
            yield places[first], places[then]


def _decode(data: Iterator[int]) -> _Edges:
    """Return the pairs of each subgraph; raises ValueError where this is something else."""
    if _next(data) != _VERSION:
        raise ValueError("another version")
    edges: _Edges = []
    for _ in range(_next(data)):
        pairs = [(_signed(_next(data)), _signed(_next(data))) for _ in range(_next(data))]
        edges.append(pairs)
    if next(data, None) is not None:
        raise ValueError("bytes remain")
    return edges


def _next(data: Iterator[int]) -> int:
    value = 0
    for digit in range(_MOST_DIGITS):
        byte = next(data, None)
        if byte is None:
            raise ValueError("ends within a number")
        value += (byte % _DIGIT) << (_BITS * digit)
        if byte < _DIGIT:
            return value
    raise ValueError("a number too large")


def _signed(value: int) -> int:
    return -(value // 2) - 1 if value % 2 else value // 2


def _number(value: int) -> bytes:
    digits = []
    while value >= _DIGIT:
        digits.append(value % _DIGIT + _DIGIT)
        value //= _DIGIT
    return bytes([*digits, value])
