"""Chooses the layers that are spared from INT4."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping

from edgeseal.tflite.graph import Operator
from edgeseal.tflite.quantization._work import Work
from edgeseal.tflite.quantization.recipe._recipe import Precision, WeightType

__all__ = ["spare_layers"]


def spare_layers(work: Work, costs: Mapping[Operator, float]) -> set[Operator]:
    """Let the layers that INT4 disturbs most for their size become INT8 in the plan.

    As many are taken as the recipe's share of weights holds.

    Args:
        work: what is under way.
        costs: error of the results of each layer that is to become INT4, as a share of their
            variance.

    Returns:
        The spared ones.
    """
    sizes = {operator: _size(work, operator) for operator in costs}
    left = work.recipe.methods.int4_spared * sum(sizes.values())
    spared: set[Operator] = set()
    for operator in sorted(costs, key=lambda one: -costs[one] / sizes[one]):
        if sizes[operator] <= left:
            left -= sizes[operator]
            spared.add(operator)
    for operator in spared:
        entry = work.plan.entries[operator]
        if entry.precision is not None:
            wider = Precision(WeightType.INT8, entry.precision.activations)
            work.plan.entries[operator] = dataclasses.replace(entry, precision=wider)
    if spared:
        share = sum(sizes[operator] for operator in spared) / sum(sizes.values())
        work.notes.append(
            f"{len(spared)} of {len(costs)} INT4 layers, with {share:.0%} of the weights, became "
            "INT8: INT4 disturbs them most for their size"
        )
    return spared


def _size(work: Work, operator: Operator) -> int:
    layer = work.plan.entries[operator].layer
    return 1 if layer is None else max(1, math.prod(layer.weights.shape))
