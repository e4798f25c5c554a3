"""Makes a float graph an integer one, operator by operator."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from collections.abc import Set as AbstractSet

from edgeseal.errors import ModelError
from edgeseal.tflite.graph import (
    Model,
    Operator,
    Subgraph,
    Tensor,
    new_dequantize,
    new_quantize,
)
from edgeseal.tflite.quantization._weighted_layers import WEIGHTS_INPUT
from edgeseal.tflite.quantization.integer._integer_builder import IntegerBuilder, Span
from edgeseal.tflite.quantization.integer._operators import CHANNEL_AXES, FORMS
from edgeseal.tflite.quantization.integer._prepare import Prepared
from edgeseal.tflite.quantization.integer._streams import add_to_stream, stream_sums

__all__ = ["integerize", "wide_operators"]

_LEADING = ("ADD", "SUB", "MUL", "SUM", "MEAN", "RESHAPE", "TRANSPOSE")
_FOLLOWING = ("ADD", "SUB", "MUL")
_INT8_ALONE = ("ELU",)  # the kernel has no INT16


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

    Returns:
        The integer operator of each float one, in execution order.

    Raises:
        ModelError: an operator has no integer form; names all of them.
    """
    main = model.main
    _refuse_unknown(main, all_wide)
    sums: set[Operator] = set()
    wide = set(main.operators)
    if not all_wide:
        sums, wide = stream_sums(main, prepared.sources, prepared.narrow)
        wide |= wide_operators(main, prepared.narrow)
        sums -= wide
    builder = IntegerBuilder(span, centred=frozenset(_right_operands(main)))
    for tensor in main.inputs:
        home = builder.new(tensor, "INT16" if all_wide else "INT8")
        builder.add(new_quantize(tensor, home))
    for operator in main.operators:
        if operator in sums:
            add_to_stream(operator, builder)
            continue
        FORMS[operator.kind](operator, builder, "INT16" if operator in wide else "INT8")
    for tensor in main.outputs:
        builder.add(new_dequantize(builder.homes[tensor], tensor))
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


def _refuse_unknown(subgraph: Subgraph, all_wide: bool) -> None:
    unknown = Counter(form for o in subgraph.operators if (form := _unknown_form(o, all_wide)))
    if unknown:
        listed = ", ".join(f"{count} x {kind}" for kind, count in sorted(unknown.items()))
        raise ModelError(
            f"has operators without an integer form here: {listed}; take hybrid-int8, which leaves "
            "all but layers float"
        )


def _unknown_form(operator: Operator, all_wide: bool) -> str:
    """Return what an operator is, if it has no integer form; else nothing."""
    is_too_narrow = all_wide and operator.kind in _INT8_ALONE
    if operator.is_custom or operator.kind not in FORMS or is_too_narrow:
        return operator.kind
    weights = operator.inputs[WEIGHTS_INPUT] if operator.kind in CHANNEL_AXES else None
    return "" if weights is None or weights.is_constant else f"{operator.kind} of computed weights"
