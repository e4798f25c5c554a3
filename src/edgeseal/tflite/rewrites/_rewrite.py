"""What a rewrite is: the one form in which `lean` and `repair` change a model."""

from __future__ import annotations

import abc
import dataclasses
import enum
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from edgeseal.tflite.graph import Model, Operator, Subgraph, Tensor

__all__ = [
    "ModelChange",
    "ModelRewrite",
    "OperatorRewrite",
    "Proof",
    "Replacement",
    "Rewrite",
    "Site",
]


class Proof(enum.Enum):
    """What shows that a rewritten model still computes the same function.

    Tests hold each rewrite to it on models of its own; whole files are compared before they are
    written, since a delegate may take other operators than before.
    """

    EXACT = "equal to the bit"
    ROUNDING = "equal but for rounding"  # the same terms, added up in another order
    MEASURED = "measured against float"  # computed in other types: the closest one is taken


@dataclass(frozen=True, slots=True)
class ModelChange:
    """Something in a model that a rewrite changed.

    Attributes:
        text: what was done to how many of which operators, in words.
        count: how many operators, or functions, tensors or buffers.
        names: the results of the operators concerned, or the tensors concerned.
        code: of the finding that it mends, such as ``ES022``; empty where there is none.
        rewrite: name of the rewrite, which fills it in.
    """

    text: str
    count: int
    names: tuple[str, ...] = ()
    code: str = ""
    rewrite: str = ""

    @classmethod
    def of(cls, operators: Sequence[Operator], text: str, code: str = "") -> ModelChange:
        """Return a change of operators of one kind; ``text`` follows their number and kind."""
        names = tuple(tensor.name for operator in operators for tensor in operator.outputs)
        count = len(operators)
        return cls(f"{count} {operators[0].kind} {text}", count, names, code)

    def to_json(self) -> dict[str, object]:
        """Return it for ``json.dumps``."""
        return {**dataclasses.asdict(self), "names": list(self.names)}


@dataclass(frozen=True, slots=True)
class Site:
    """An operator that may be rewritten, and what is known about the values around it.

    Attributes:
        operator: the operator.
        subgraph: holds it.
        ranges: smallest and largest real value seen, by tensor, as far as values were seen.
    """

    operator: Operator
    subgraph: Subgraph
    ranges: Mapping[Tensor, tuple[float, float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Replacement:
    """A way to write an operator anew.

    Attributes:
        text: what was done, in words that can follow the operator's kind.
        replaced: operators, and what takes the place of each. Tensors that others read stay.
        is_float: whether integers become floats in it.
    """

    text: str
    replaced: Mapping[Operator, Sequence[Operator]]
    is_float: bool = False

    def apply(self, subgraph: Subgraph) -> None:
        """Write it into a subgraph."""
        _put_in(subgraph, self.replaced)


@dataclass(frozen=True, slots=True)
class Rewrite(abc.ABC):
    """A change of models that keeps what they compute.

    Attributes:
        name: in a few words with hyphens, for commands, JSON and documents.
        summary: what becomes of which operators, for people.
        proof: how that is known to be the same.
    """

    name: str
    summary: str
    proof: Proof

    def apply(self, model: Model) -> list[ModelChange]:
        """Change a model in place, wherever it applies.

        Returns:
            What was changed; nothing where it does not apply.
        """
        return [dataclasses.replace(made, rewrite=self.name) for made in self._changes(model)]

    @abc.abstractmethod
    def _changes(self, model: Model) -> Iterable[ModelChange]:
        """Change a model in place, and say what was changed."""


@dataclass(frozen=True, slots=True)
class ModelRewrite(Rewrite):
    """A rewrite that looks at a model as a whole.

    Attributes:
        change: changes a model in place and returns what it changed.
    """

    change: Callable[[Model], Iterable[ModelChange]]

    def _changes(self, model: Model) -> Iterable[ModelChange]:
        return self.change(model)


@dataclass(frozen=True, slots=True)
class OperatorRewrite(Rewrite):
    """A rewrite that looks at one operator after another.

    Attributes:
        find: yields the ways to write an operator anew, best first; changes nothing itself.
    """

    find: Callable[[Site], Iterator[Replacement]]

    def _changes(self, model: Model) -> Iterator[ModelChange]:
        """Find every operator first, then replace all of them, each in the first way."""
        alike: defaultdict[tuple[str, str], list[Operator]] = defaultdict(list)
        for subgraph in model.subgraphs:
            replaced: dict[Operator, Sequence[Operator]] = {}
            for operator in subgraph.operators:
                found = next(self.find(Site(operator, subgraph)), None)
                if found is not None and replaced.keys().isdisjoint(found.replaced):
                    replaced |= found.replaced
                    alike[operator.kind, found.text].append(operator)
            _put_in(subgraph, replaced)
        for (_, text), operators in alike.items():
            yield ModelChange.of(operators, text)


def _put_in(subgraph: Subgraph, replaced: Mapping[Operator, Sequence[Operator]]) -> None:
    subgraph.operators[:] = [new for old in subgraph.operators for new in replaced.get(old, (old,))]
