"""Operators cut out of a model, as a model of their own."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from edgeseal.tflite.graph import Model, Operator, Subgraph, Tensor

__all__ = ["Cutout", "called_functions", "cut", "cut_function"]


@dataclass(frozen=True, slots=True)
class Cutout:
    """A model with copies of some operators, and what its ends stand for.

    Attributes:
        model: types, shapes, constants and quantization are those of the original.
        inputs: the original tensors, in the order of the model's inputs.
        outputs: the original tensors, in the order of the model's outputs.
    """

    model: Model
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]


def cut(
    operators: Sequence[Operator],
    *,
    outputs: Sequence[Tensor] | None = None,
    keep_names: bool = False,
) -> Cutout:
    """Cut operators out, with the functions that they call.

    Tensors are named after their position, so that equal operators give equal models.

    Args:
        operators: of one subgraph, in its order.
        outputs: results to keep; default: everything that the operators write.
        keep_names: keep the names of tensors, as far as they are unique.
    """
    written = [tensor for operator in operators for tensor in operator.outputs]
    made = {id(tensor) for tensor in written}
    read = [tensor for operator in operators for tensor in operator.inputs if tensor is not None]
    fed = [t for t in read if not (t.is_constant or t.is_variable or id(t) in made)]
    results = written if outputs is None else outputs
    return _piece(operators, _unique(fed), _unique(results), _Copies(keep_names=keep_names))


def cut_function(subgraph: Subgraph, *, keep_names: bool = False) -> Cutout:
    """Make a function the main subgraph of a model of its own, with the functions that it calls."""
    copies = _Copies(keep_names=keep_names)
    return _piece(subgraph.operators, subgraph.inputs, subgraph.outputs, copies)


def _piece(
    operators: Sequence[Operator],
    inputs: Sequence[Tensor],
    outputs: Sequence[Tensor],
    copies: _Copies,
) -> Cutout:
    subgraph = Subgraph(
        "main",
        [copies.tensor(tensor) for tensor in inputs],
        [copies.tensor(tensor) for tensor in outputs],
        [copies.operator(operator) for operator in operators],
    )
    return Cutout(Model([subgraph, *called_functions(operators)]), tuple(inputs), tuple(outputs))


class _Copies:
    """Copies of tensors, one for each."""

    def __init__(self, *, keep_names: bool) -> None:
        self._keep_names = keep_names
        self._names: set[str] = set()
        self._tensors: dict[int, Tensor] = {}

    def tensor(self, tensor: Tensor) -> Tensor:
        if id(tensor) not in self._tensors:
            self._tensors[id(tensor)] = dataclasses.replace(tensor, name=self._name(tensor))
        return self._tensors[id(tensor)]

    def _name(self, tensor: Tensor) -> str:
        number = len(self._tensors)
        name = tensor.name if self._keep_names else ""
        name = name or f"t{number}"
        if name in self._names:
            name = f"{name}_{number}"
        self._names.add(name)
        return name

    def operator(self, operator: Operator) -> Operator:
        return dataclasses.replace(
            operator,
            inputs=[None if tensor is None else self.tensor(tensor) for tensor in operator.inputs],
            outputs=[self.tensor(tensor) for tensor in operator.outputs],
            intermediates=[self.tensor(tensor) for tensor in operator.intermediates],
        )


def called_functions(operators: Iterable[Operator]) -> list[Subgraph]:
    """Return the functions that operators call, and those that these call, each once."""
    found: dict[int, Subgraph] = {}
    waiting = [subgraph for operator in operators for subgraph in operator.subgraphs]
    while waiting:
        subgraph = waiting.pop()
        if id(subgraph) not in found:
            found[id(subgraph)] = subgraph
            waiting += [s for operator in subgraph.operators for s in operator.subgraphs]
    return list(found.values())


def _unique(tensors: Iterable[Tensor]) -> list[Tensor]:
    return list({id(tensor): tensor for tensor in tensors}.values())
