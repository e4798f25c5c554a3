"""What the stages of quantization share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from edgeseal.tflite.calibration import Calibration, TensorStatistics
from edgeseal.tflite.graph import Model, Operator, Subgraph, Tensor
from edgeseal.tflite.quantization.recipe._layer_plan import LayerPlan
from edgeseal.tflite.quantization.recipe._recipe import Recipe

__all__ = ["Work"]


@dataclass(slots=True)
class Work:
    """One quantization under way. Stages change ``model`` and ``plan`` together.

    Attributes:
        model: the graph; float at first.
        recipe: what is asked for.
        plan: what each operator gets.
        calibration: what was seen of the model, and how to see more; or None.
        observed: statistics of the activations that get fixed ranges, as the float graph has them
            after its exact rewrites.
        float_weights: of layers whose biases are to be corrected, before rounding.
        nearest: layers whose weights have to be rounded to the nearest step.
        notes: what the user should know about the result, one sentence each.
    """

    model: Model
    recipe: Recipe
    plan: LayerPlan
    calibration: Calibration | None = None
    observed: Mapping[Tensor, TensorStatistics] = field(default_factory=dict)
    float_weights: dict[Operator, Tensor] = field(default_factory=dict)
    nearest: set[Operator] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)

    def subgraph_of(self, operator: Operator) -> Subgraph:
        """Return the subgraph that holds an operator."""
        return next(g for g in self.model.subgraphs if operator in g.operators)
