"""Removes what nothing uses."""

from __future__ import annotations

from edgeseal.tflite.diagnosis import dead_functions, live_operators
from edgeseal.tflite.graph import Model
from edgeseal.tflite.repairs._change import ModelChange

__all__ = ["remove_dead"]


def remove_dead(model: Model) -> list[ModelChange]:
    """Remove functions, operators, their codes, tensors and buffers that nothing uses; exact.

    Operators that may do more than write their results stay.

    Returns:
        What was changed.
    """
    return [
        *_dead_functions(model),
        *_dead_operators(model),
        *_dead_codes(model),
        *_dead_tensors(model),
        *_dead_buffers(model),
    ]


def _dead_functions(model: Model) -> list[ModelChange]:
    dead = dead_functions(model)
    if not dead:
        return []
    model.subgraphs = [s for s in model.subgraphs if not any(s is other for other in dead)]
    names = tuple(subgraph.name for subgraph in dead)
    return [ModelChange("ES026", f"{len(dead)} functions removed that nothing calls", names)]


def _dead_operators(model: Model) -> list[ModelChange]:
    changes = []
    for subgraph in model.subgraphs:
        live = live_operators(subgraph)
        dead = [operator for operator in subgraph.operators if id(operator) not in live]
        if dead:
            subgraph.operators = [o for o in subgraph.operators if id(o) in live]
            names = tuple(tensor.name for operator in dead for tensor in operator.outputs)
            text = f"{len(dead)} operators removed whose results nothing uses"
            changes.append(ModelChange("ES026", text, names))
    return changes


def _dead_codes(model: Model) -> list[ModelChange]:
    if not model.extra_codes:
        return []
    names = tuple(code.kind for code in model.extra_codes)
    model.extra_codes = []
    return [
        ModelChange("ES026", f"{len(names)} declared operators removed that are not used", names)
    ]


def _dead_tensors(model: Model) -> list[ModelChange]:
    dead = [tensor for subgraph in model.subgraphs for tensor in subgraph.extra_tensors]
    for subgraph in model.subgraphs:
        subgraph.extra_tensors = []
    if not dead:
        return []
    text = f"{len(dead)} tensors removed that nothing mentions"
    return [ModelChange("ES027", text, tuple(tensor.name for tensor in dead))]


def _dead_buffers(model: Model) -> list[ModelChange]:
    if not model.extra_buffers:
        return []
    size = sum(buffer.data.size for buffer in model.extra_buffers)
    text = f"{len(model.extra_buffers)} buffers of {size} bytes removed that nothing uses"
    model.extra_buffers = []
    return [ModelChange("ES028", text)]
