"""Makes a float graph an integer one, operator by operator."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Set as AbstractSet

from edgeseal.tflite.graph import (
    Model,
    Operator,
    Subgraph,
    Tensor,
)
from edgeseal.tflite.quantization._weighted_layers import WEIGHTS_INPUT
from edgeseal.tflite.quantization.integer._integer_builder import IntegerBuilder, Span
from edgeseal.tflite.quantization.integer._operators import CHANNEL_AXES, FORMS, INT8_ALONE
from edgeseal.tflite.quantization.integer._prepare import Prepared
from edgeseal.tflite.quantization.integer._streams import add_to_stream, stream_sums

__all__ = ["has_form", "integerize", "unlike_parts", "wide_operators"]

_LEADING = ("ADD", "SUB", "MUL", "SUM", "MEAN", "RESHAPE", "TRANSPOSE")
_FOLLOWING = ("ADD", "SUB", "MUL")
_SHUFFLES = ("RESHAPE", "TRANSPOSE")
_UNLIKE = 4.0  # of sizes: the smaller part would have fewer than 64 of 256 steps


def integerize(
    model: Model,
    span: Callable[[Tensor], Span],
    prepared: Prepared,
    *,
    all_wide: bool = False,
) -> dict[Operator, Operator]:
    """Replace the operators of a model's main function by integer ones.

    Args:
        model: a float model, as :func:`prepare` left it; changed in place.
        span: smallest and largest value of each of its computed tensors.
        prepared: what :func:`prepare` told of it.
        all_wide: give INT16 to every operator.

    Operators without an integer form stay as they are.

    Returns:
        The integer operator of each float one, in execution order.
    """
    main = model.main
    sums: set[Operator] = set()
    wide = set(main.operators)
    if not all_wide:
        sums, wide = stream_sums(main, prepared.sources, prepared.narrow)
        wide |= wide_operators(main, prepared.narrow) | set(unlike_parts(main, span))
        sums -= wide
    centred = frozenset(_right_operands(main))
    builder = IntegerBuilder(span, centred=centred, floats={*main.inputs}, wide=all_wide)
    for operator in main.operators:
        if not has_form(operator, all_wide=all_wide):
            _keep(operator, builder)
        elif operator in sums:
            add_to_stream(operator, builder)
        else:
            FORMS[operator.kind](operator, builder, "INT16" if operator in wide else "INT8")
    for tensor in main.outputs:
        builder.real(tensor)
    main.operators[:] = builder.operators
    main.remove_unread()
    main.control_edges = None  # between operators that are gone
    return builder.made


def wide_operators(subgraph: Subgraph, narrow: AbstractSet[Operator]) -> set[Operator]:
    """Return the operators that get INT16: those around roots, and those that give the logits.

    Variances span many powers of two.
    """
    makers, readers = subgraph.producers(), subgraph.consumers()
    wide = {o for o in subgraph.operators if _gives_logits(o, subgraph)}
    waiting = [operator for operator in subgraph.operators if operator.kind == "RSQRT"]
    while waiting:
        operator = waiting.pop()
        if operator in wide:
            continue
        wide.add(operator)
        for tensor in operator.inputs:
            maker = None if tensor is None else makers.get(tensor)
            if maker is not None and maker.kind in _LEADING and maker not in narrow:
                waiting.append(maker)
        for tensor in operator.outputs:
            followers = (reader for reader in readers[tensor] if reader.kind in _FOLLOWING)
            waiting += (reader for reader in followers if reader not in narrow)
    return wide


def unlike_parts(subgraph: Subgraph, span: Callable[[Tensor], Span]) -> dict[Operator, list[float]]:
    """Return what joins values of unlike size to an output, with the largest of each part.

    Boxes in pixels beside scores in 0..1: INT8 that holds the boxes has three steps for the scores.
    """
    makers = subgraph.producers()
    found: dict[Operator, list[float]] = {}
    for tensor in subgraph.outputs:
        maker = makers.get(tensor)
        while maker is not None and maker.kind in _SHUFFLES and maker.inputs[0] is not None:
            maker = makers.get(maker.inputs[0])
        if maker is None or maker.kind != "CONCATENATION":
            continue
        if tensor.dtype != "FLOAT32":
            continue
        parts = [t for t in maker.inputs if t is not None and not t.is_constant]
        sizes = [max(-low, high) for low, high in map(span, parts)]
        if sizes and max(sizes) > _UNLIKE * min(sizes):
            found[maker] = sizes
    return found


def _gives_logits(operator: Operator, subgraph: Subgraph) -> bool:
    """Whether the signs of small results count; a single row costs nothing."""
    result = operator.outputs[0]
    is_row = result.rank == 2 and result.shape[0] == 1
    return operator.kind == "FULLY_CONNECTED" and is_row and result in subgraph.outputs


def _right_operands(subgraph: Subgraph) -> set[Tensor]:
    """Return the right operands of BATCH_MATMUL, and what they are shuffled from.

    The accelerated kernel takes them with a zero point of 0 only.
    """
    makers = subgraph.producers()
    found: set[Tensor] = set()
    waiting = [o.inputs[1] for o in subgraph.operators if o.kind == "BATCH_MATMUL"]
    while waiting:
        tensor = waiting.pop()
        if tensor is None or tensor in found:
            continue
        found.add(tensor)
        maker = makers.get(tensor)
        if maker is not None and maker.kind in ("RESHAPE", "TRANSPOSE"):
            waiting.append(maker.inputs[0])
    return found


def _keep(operator: Operator, builder: IntegerBuilder) -> None:
    """Leave an operator as it is, between DEQUANTIZE and QUANTIZE where it needs them."""
    operator.inputs[:] = [None if t is None else builder.real(t) for t in operator.inputs]
    builder.floats.update(operator.outputs)
    builder.add(operator)


def has_form(operator: Operator, *, all_wide: bool) -> bool:
    """Whether an operator can compute with integers here.

    Args:
        operator: of a float graph.
        all_wide: whether everything is to be INT16.
    """
    if operator.is_custom or operator.kind not in FORMS:
        return False
    if all_wide and operator.kind in INT8_ALONE:
        return False
    read = [t for t in operator.inputs if t is not None and not t.is_constant]
    if not any(t.dtype == "FLOAT32" for t in read) or operator.subgraphs:
        return False
    weights = operator.inputs[WEIGHTS_INPUT] if operator.kind in CHANNEL_AXES else None
    return weights is None or (weights.is_constant and weights.dtype == "FLOAT32")
