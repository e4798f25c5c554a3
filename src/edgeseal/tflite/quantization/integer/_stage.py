"""The stage that makes a whole graph an integer one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from edgeseal.tflite.calibration import TensorStatistics, choose_range
from edgeseal.tflite.graph import Model, Operator, Tensor
from edgeseal.tflite.quantization._weighted_layers import WEIGHTS_INPUT, WeightedLayer
from edgeseal.tflite.quantization._work import Work
from edgeseal.tflite.quantization.integer._integerize import integerize
from edgeseal.tflite.quantization.integer._operators import CHANNEL_AXES
from edgeseal.tflite.quantization.integer._prepare import prepare
from edgeseal.tflite.quantization.recipe._layer_plan import PlannedOperator
from edgeseal.tflite.quantization.recipe._recipe import Activations, Precision, WeightType

__all__ = ["make_integer_graph"]


def make_integer_graph(work: Work) -> None:
    """Give every operator its integer form, if the recipe fixes the ranges of all.

    Raises:
        ModelError: some operators have no integer form.
    """
    whole = work.plan.whole
    if whole is None:
        return
    calibration = work.calibration
    assert calibration is not None  # such a recipe needs it

    def observe(model: Model, tensors: Sequence[Tensor]) -> dict[Tensor, TensorStatistics]:
        return dict(calibration.observe(model, tensors))

    is_wide = whole is Activations.INT16
    prepared = prepare(work.model, observe, all_wide=is_wide)
    seen = calibration.observe(work.model)
    ranges = {t: choose_range(s, work.recipe.methods.ranges) for t, s in seen.items()}
    for tensor, other in prepared.spans.items():
        ranges[tensor] = ranges[other]
    ranges |= prepared.ranges
    made = integerize(work.model, ranges.__getitem__, prepared, all_wide=is_wide)
    _tell_plan(work, made)


def _tell_plan(work: Work, made: dict[Operator, Operator]) -> None:
    """Let the plan speak of the operators that stand for what it spoke of."""
    known = {entry.operator: entry for entry in work.plan.entries.values()}
    entries: dict[Operator, PlannedOperator] = {}
    tables = 0
    for old, new in made.items():
        source = known.get(old)
        name = source.name if source is not None else _name(new)
        layer = (
            WeightedLayer(new, WEIGHTS_INPUT, CHANNEL_AXES[new.kind])
            if new.kind in CHANNEL_AXES
            else None
        )
        if layer is None and source is not None and source.layer is not None:
            layer = replace(source.layer, operator=new)
            if layer.weights.dtype == "INT16":
                tables, layer = tables + 1, None
        entries[new] = PlannedOperator(name, new, layer, _precision(new))
    if tables:
        work.notes.append(
            f"the constants of {tables} products between activations are INT16 too: no kernel of "
            "BATCH_MATMUL takes INT16 and INT8"
        )
    work.plan.entries.clear()
    work.plan.entries.update(entries)


def _name(operator: Operator) -> str:
    return operator.outputs[0].name if operator.outputs else operator.kind


def _precision(operator: Operator) -> Precision:
    is_wide = operator.inputs[0] is not None and operator.inputs[0].dtype == "INT16"
    return Precision(WeightType.INT8, Activations.INT16 if is_wide else Activations.INT8)
