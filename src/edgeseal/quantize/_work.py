"""What the stages of quantization share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from numpy.typing import NDArray

from edgeseal.graph import Model, Operator, Subgraph
from edgeseal.quantize._plan import Plan
from edgeseal.quantize._recipe import Recipe

__all__ = ["CalibrationData", "Work"]


class CalibrationData(Protocol):
    """Inputs like those that the model will see."""

    def samples(self) -> Iterator[Mapping[str, NDArray[Any]]]:
        """Yield the inputs of one run after the other, by their names in the signature.

        Every call starts anew and gives the same.
        """


@dataclass(slots=True)
class Work:
    """One quantization under way. Stages change ``model`` and ``plan`` together.

    Attributes:
        model: the graph; float at first.
        recipe: what is asked for.
        plan: what each operator gets.
        calibration: inputs, or None.
        notes: what the user should know about the result, one sentence each.
    """

    model: Model
    recipe: Recipe
    plan: Plan
    calibration: CalibrationData | None = None
    notes: list[str] = field(default_factory=list)

    def subgraph_of(self, operator: Operator) -> Subgraph:
        """Return the subgraph that holds an operator."""
        return next(g for g in self.model.subgraphs if operator in g.operators)
