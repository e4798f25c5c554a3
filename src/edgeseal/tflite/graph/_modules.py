"""Which module of the source program each operator comes from."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from edgeseal.tflite.graph._model import Model, Operator, Subgraph
from edgeseal.tflite.graph._scopes import Scope, Spelling, scopes
from edgeseal.tflite.graph._tensor import Tensor

__all__ = ["ModulePath", "Modules", "find_modules"]

ModulePath = tuple[str, ...]
"""Attributes from the outermost module to the innermost; empty for the whole program."""

# What TensorFlow calls the operators that a kind is fused from, where the names differ.
_WORDS = {
    "BATCH_MATMUL": ("batchmatmul", "matmul", "einsum"),
    "DEPTHWISE_CONV_2D": ("depthwise",),
    "FULLY_CONNECTED": ("matmul", "tensordot", "einsum"),
    "LOGISTIC": ("sigmoid",),
}
# In the names of PyTorch's classes that hold the weights of a kind.
_OWNERS = {
    "BATCH_MATMUL": ("linear",),
    "CONV_2D": ("conv",),
    "CONV_3D": ("conv",),
    "DEPTHWISE_CONV_2D": ("conv",),
    "FULLY_CONNECTED": ("linear", "conv"),
    "TRANSPOSE_CONV": ("conv",),
}


@dataclass(frozen=True, slots=True)
class Modules:
    """The modules of a model's operators, as far as tensor names tell.

    Attributes:
        paths: of every operator of the model; empty where the names tell nothing.
        classes: PyTorch's class of a module, such as ``Attention``, where it is known.
        separator: what a path is joined with: a dot for PyTorch, a slash for others.
    """

    paths: Mapping[Operator, ModulePath]
    classes: Mapping[ModulePath, str]
    separator: str

    def display_name(self, operator: Operator) -> str:
        """Return the module of an operator as its program spells it, such as ``encoder.0.attn``."""
        return self.separator.join(self.paths[operator])


def find_modules(model: Model) -> Modules:
    """Find the module of every operator in the names of its results and constants.

    - Of several places that a fused operator mentions, PyTorch's layer of its kind counts, which
      owns the weights; where there is none, the first, which is that of the result, or what is
      below it and owns a constant. Of TensorFlow's, which also mention whoever shared a constant,
      the one named like the operator and mentioned least elsewhere.
    - An operator whose names tell nothing (an inserted QUANTIZE) belongs to the innermost module
      that holds its neighbours; one that computes on constants belongs to whoever uses it.
    """
    reader = _Reader(model)
    paths: dict[Operator, ModulePath] = {}
    for subgraph in model.subgraphs:
        own = {operator: reader.own_path(operator) for operator in subgraph.operators}
        paths |= _inherit(subgraph, own)
    return Modules(paths, reader.classes(), "." if reader.is_torch else "/")


class _Reader:
    """Reads paths from the names of one model."""

    def __init__(self, model: Model) -> None:
        tensors = [tensor for subgraph in model.subgraphs for tensor in subgraph.tensors()]
        self._scopes = {name: scopes(name) for name in {tensor.name for tensor in tensors}}
        every = [scope for found in self._scopes.values() for scope in found]
        self.is_torch = any(scope.is_torch for scope in every)
        self._torch = {scope for scope in every if scope.is_torch}
        self._spelling = Spelling(self._torch)
        results = [t for operator in model.operators() for t in operator.outputs]
        self._mentions = Counter(self._of(results))
        self._parents = {
            scope.segments[:depth]
            for scope in self._mentions
            for depth in range(1, len(scope.segments) + 1)
        }
        self._uses = Counter(id(t) for o in model.operators() for t in o.inputs if t is not None)

    def own_path(self, operator: Operator) -> ModulePath | None:
        """Return what the operator's own names tell, or None."""
        constants = [t for t in operator.inputs if t is not None and t.is_constant]
        outside = len(constants) == sum(tensor is not None for tensor in operator.inputs)
        owned = [tensor for tensor in constants if self._uses[id(tensor)] == 1]
        found = self._of(operator.outputs) or self._of(owned)
        torch = [scope for scope in found if scope.is_torch]
        if torch:
            return self._torch_path(operator.kind, torch, owned)
        if outside:
            return None  # named after whatever the constant was folded from
        if found:
            return self._plain_path(operator, found)
        return self._module_itself(operator)

    def classes(self) -> dict[ModulePath, str]:
        """Return the class of every PyTorch module that is mentioned."""
        found: dict[ModulePath, str] = {}
        for scope in self._torch:
            path = self._spelling.path(scope)
            for depth, segment in enumerate(scope.segments, start=1):
                found[path[:depth]] = self._spelling.class_name(segment)
        return found

    def _of(self, tensors: Iterable[Tensor]) -> list[Scope]:
        return [scope for tensor in tensors for scope in self._scopes[tensor.name]]

    def _torch_path(self, kind: str, found: list[Scope], owned: list[Tensor]) -> ModulePath:
        constants = [scope for scope in self._of(owned) if scope.is_torch]
        words = _OWNERS.get(kind, ())
        first = found[0].segments
        owners = [scope for scope in (*found, *constants) if self._is_named(scope, words)]
        below = [scope for scope in constants if scope.segments[: len(first)] == first]
        best = max(owners or [found[0], *below], key=lambda scope: len(scope.segments))
        return self._spelling.path(best)

    def _is_named(self, scope: Scope, words: tuple[str, ...]) -> bool:
        name = self._spelling.class_name(scope.segments[-1]).lower() if scope.segments else ""
        return any(word in name for word in words)

    def _plain_path(self, operator: Operator, found: list[Scope]) -> ModulePath:
        plain = operator.kind.replace("_", "").lower()
        words = _WORDS.get(operator.kind, (plain,))
        named = [scope for scope in found if _letters(scope.leaf).startswith(words)]
        best = min(named, key=lambda scope: self._mentions[scope]) if named else found[0]
        whole = (*best.segments, best.leaf)
        return whole if whole in self._parents else best.segments

    def _module_itself(self, operator: Operator) -> ModulePath | None:
        """Return a module of one segment that has the name of a result, as some converters do."""
        names = ((tensor.name,) for tensor in operator.outputs)
        return next((name for name in names if name in self._parents), None)


def _letters(leaf: str) -> str:
    """Return an operator's name without what makes it unique: ``Conv2D_1`` gives ``conv2d``."""
    return re.sub(r"_\d+$", "", leaf).replace("_", "").lower()


def _inherit(
    subgraph: Subgraph, own: Mapping[Operator, ModulePath | None]
) -> dict[Operator, ModulePath]:
    """Give operators without a path that of their neighbours."""
    producers, consumers = _neighbours(subgraph)
    above = _sweep(subgraph.operators, own, producers)
    below = _sweep(reversed(subgraph.operators), own, consumers)
    paths: dict[Operator, ModulePath] = {}
    for operator in subgraph.operators:
        known = [path for path in (above.get(operator), below.get(operator)) if path is not None]
        paths[operator] = _common(known)
    return paths


def _neighbours(
    subgraph: Subgraph,
) -> tuple[dict[Operator, list[Operator]], dict[Operator, list[Operator]]]:
    makers = {id(t): operator for operator in subgraph.operators for t in operator.outputs}
    producers: defaultdict[Operator, list[Operator]] = defaultdict(list)
    consumers: defaultdict[Operator, list[Operator]] = defaultdict(list)
    for operator in subgraph.operators:
        for tensor in operator.inputs:
            maker = makers.get(id(tensor))
            if maker is not None:
                producers[operator].append(maker)
                consumers[maker].append(operator)
    return producers, consumers


def _sweep(
    operators: Iterable[Operator],
    own: Mapping[Operator, ModulePath | None],
    neighbours: Mapping[Operator, list[Operator]],
) -> dict[Operator, ModulePath]:
    """Carry paths along one direction; an operator's own path wins."""
    found: dict[Operator, ModulePath] = {}
    for operator in operators:
        path = own[operator]
        if path is None:
            known = [found[near] for near in neighbours.get(operator, ()) if near in found]
            path = _common(known) if known else None
        if path is not None:
            found[operator] = path
    return found


def _common(paths: list[ModulePath]) -> ModulePath:
    """Return the longest beginning that all paths share."""
    return tuple(_shared(paths)) if paths else ()


def _shared(paths: list[ModulePath]) -> Iterator[str]:
    for segments in zip(*paths, strict=False):
        if len(set(segments)) > 1:
            return
        yield segments[0]
