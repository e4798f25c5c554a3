"""A way to mend an operator, to be tried."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass

from edgeseal.tflite.graph import Operator, Subgraph, Tensor

__all__ = ["MendCandidate", "Preference", "Site"]


class Preference(enum.Enum):
    """What decides between candidates that all work."""

    ACCURACY = "accuracy"  # then size, then speed
    INTEGER = "integer"  # kernels that compute in integers, where there is a choice


@dataclass(frozen=True, slots=True)
class Site:
    """An operator that fails, and what is known about the values around it.

    Attributes:
        operator: the operator.
        subgraph: holds it.
        ranges: smallest and largest real value seen, by tensor, as far as values were seen.
    """

    operator: Operator
    subgraph: Subgraph
    ranges: Mapping[Tensor, tuple[float, float]]


@dataclass(frozen=True, slots=True)
class MendCandidate:
    """A way to mend an operator.

    Attributes:
        text: what was done, in words that can follow the operator's kind.
        replaced: operators, and what takes the place of each. Tensors that others read stay.
        is_integer: whether the operator goes on computing in integers.
    """

    text: str
    replaced: Mapping[Operator, tuple[Operator, ...]]
    is_integer: bool

    def apply(self, subgraph: Subgraph) -> None:
        """Write it into a subgraph."""
        subgraph.operators[:] = [
            new for old in subgraph.operators for new in self.replaced.get(old, (old,))
        ]
