"""What tells one graph from another."""

from __future__ import annotations

import hashlib

from edgeseal.tflite.graph import Model, Subgraph, Tensor, describe_options

__all__ = ["fingerprint", "tensor_keys"]


def fingerprint(model: Model) -> str:
    """Return a checksum of what a model computes, as 64 hexadecimal digits.

    It covers operators, options, shapes, names and constants, not descriptions.
    """
    told = hashlib.sha256()
    numbers: dict[Tensor, int] = {}
    for subgraph in model.subgraphs:
        _tell_subgraph(subgraph, numbers, told)
    return told.hexdigest()


def tensor_keys(subgraph: Subgraph) -> dict[Tensor, str]:
    """Return a name for each tensor that no other has: its own, numbered where it repeats."""
    seen: dict[str, int] = {}
    keys: dict[Tensor, str] = {}
    taken: set[str] = set()
    for tensor in subgraph.tensors():
        name, count = tensor.name, seen.get(tensor.name, 0) + 1
        key = name if count == 1 else f"{name}#{count}"
        while key in taken:  # another tensor's own name may look like a number of ours
            count += 1
            key = f"{name}#{count}"
        keys[tensor] = key
        seen[name] = count
        taken.add(key)
    return keys


def _tell_subgraph(subgraph: Subgraph, numbers: dict[Tensor, int], told: hashlib._Hash) -> None:
    sides = subgraph.inputs, subgraph.outputs
    for operator in subgraph.operators:
        options = [(option.name, option.text) for option in describe_options(operator)]
        told.update(f"{operator.kind} {operator.version} {options}".encode())
        for tensor in [*operator.inputs, None, *operator.outputs]:
            _tell_tensor(tensor, numbers, told)
    for side in sides:
        for tensor in side:
            _tell_tensor(tensor, numbers, told)


def _tell_tensor(tensor: Tensor | None, numbers: dict[Tensor, int], told: hashlib._Hash) -> None:
    if tensor is None:
        told.update(b" -")
        return
    known = numbers.get(tensor)
    if known is None:
        numbers[tensor] = known = len(numbers)
        told.update(f" {tensor.name} {tensor.dtype} {tensor.shape}".encode())
        if tensor.buffer is not None:
            told.update(tensor.buffer.data.data)
    told.update(f" {known}".encode())
