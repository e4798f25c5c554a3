"""Removes what nothing uses: functions, operators, their codes, tensors and buffers."""

from __future__ import annotations

from collections.abc import Iterator

from edgeseal.tflite.diagnosis import dead_functions, live_operators
from edgeseal.tflite.graph import Model
from edgeseal.tflite.rewrites import ModelChange, ModelRewrite, Proof

__all__ = ["REMOVE_DEAD"]


def _change(model: Model) -> Iterator[ModelChange]:
    """Remove all; operators that may do more than write their results stay."""
    yield from _dead_functions(model)
    yield from _dead_operators(model)
    yield from _dead_codes(model)
    yield from _dead_tensors(model)
    yield from _dead_buffers(model)


def _dead_functions(model: Model) -> Iterator[ModelChange]:
    dead = dead_functions(model)
    if dead:
        model.subgraphs = [s for s in model.subgraphs if not any(s is other for other in dead)]
        names = tuple(subgraph.name for subgraph in dead)
        text = f"{len(dead)} functions removed that nothing calls"
        yield ModelChange(text, len(dead), names, "ES026")


def _dead_operators(model: Model) -> Iterator[ModelChange]:
    for subgraph in model.subgraphs:
        live = live_operators(subgraph)
        dead = [operator for operator in subgraph.operators if id(operator) not in live]
        if dead:
            subgraph.operators = [o for o in subgraph.operators if id(o) in live]
            names = tuple(tensor.name for operator in dead for tensor in operator.outputs)
            text = f"{len(dead)} operators removed whose results nothing uses"
            yield ModelChange(text, len(dead), names, "ES026")


def _dead_codes(model: Model) -> Iterator[ModelChange]:
    names = tuple(code.kind for code in model.extra_codes)
    if names:
        model.extra_codes = []
        text = f"{len(names)} declared operators removed that are not used"
        yield ModelChange(text, len(names), names, "ES026")


def _dead_tensors(model: Model) -> Iterator[ModelChange]:
    names = tuple(tensor.name for subgraph in model.subgraphs for tensor in subgraph.extra_tensors)
    if names:
        for subgraph in model.subgraphs:
            subgraph.extra_tensors = []
        text = f"{len(names)} tensors removed that nothing mentions"
        yield ModelChange(text, len(names), names, "ES027")


def _dead_buffers(model: Model) -> Iterator[ModelChange]:
    count = len(model.extra_buffers)
    if count:
        size = sum(buffer.data.size for buffer in model.extra_buffers)
        model.extra_buffers = []
        text = f"{count} buffers of {size} bytes removed that nothing uses"
        yield ModelChange(text, count, code="ES028")


REMOVE_DEAD = ModelRewrite(
    "dead-code", "operators, tensors and buffers removed that nothing uses", Proof.EXACT, _change
)
