"""The stage that makes a whole graph an integer one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from edgeseal.tflite.calibration import TensorStatistics, choose_range
from edgeseal.tflite.graph import Model, Operator, Tensor
from edgeseal.tflite.quantization._weighted_layers import WEIGHTS_INPUT, WeightedLayer
from edgeseal.tflite.quantization._work import Work
from edgeseal.tflite.quantization.integer._integer_builder import Span
from edgeseal.tflite.quantization.integer._integerize import has_form, integerize, unlike_parts
from edgeseal.tflite.quantization.integer._operators import CHANNEL_AXES
from edgeseal.tflite.quantization.integer._prepare import prepare
from edgeseal.tflite.quantization.recipe._layer_plan import PlannedOperator
from edgeseal.tflite.quantization.recipe._recipe import Activations, Precision, WeightType

__all__ = ["make_integer_graph"]


def make_integer_graph(work: Work) -> None:
    """Give every operator its integer form, if the recipe fixes the ranges of all.

    Those that have none stay float, with a note.
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
    kept = [
        operator
        for operator in work.model.main.operators
        if not has_form(operator, all_wide=is_wide) and not _is_spared(work, operator)
    ]
    _note_unlike(work, ranges)
    made = integerize(work.model, ranges.__getitem__, prepared, all_wide=is_wide)
    _tell_plan(work, made)
    _note_kept(work, kept)


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
    floats = Precision(WeightType.FLOAT32, Activations.FLOAT)
    for operator in work.model.main.operators:
        source = known.get(operator)
        if source is not None:
            entries[operator] = replace(source, precision=floats)
    if tables:
        work.notes.append(
            f"the constants of {tables} products between activations are INT16 too: no kernel of "
            "BATCH_MATMUL takes INT16 and INT8"
        )
    work.plan.entries.clear()
    work.plan.entries.update(entries)


def _note_kept(work: Work, kept: Sequence[Operator]) -> None:
    """Say which operators stay float; those that compute with no floats need no word."""
    floats = Counter(
        operator.kind
        for operator in kept
        if any(
            t is not None and t.dtype == "FLOAT32" for t in (*operator.inputs, *operator.outputs)
        )
    )
    if floats:
        listed = ", ".join(f"{count} x {kind}" for kind, count in sorted(floats.items()))
        work.notes.append(f"{listed} stay float32: they have no integer form here")


def _note_unlike(work: Work, ranges: Mapping[Tensor, Span]) -> None:
    for operator, sizes in unlike_parts(work.model.main, ranges.__getitem__).items():
        listed = " beside ".join(f"{size:.3g}" for size in sizes)
        work.notes.append(
            f"{_name(operator)} joins values of up to {listed} to an output: it is INT16 here; "
            "ends of 8 bits would leave the small ones a few steps"
        )


def _is_spared(work: Work, operator: Operator) -> bool:
    """Whether the plan has said already that a layer stays float."""
    precision = work.plan.precision(operator)
    return precision is not None and precision.weights is WeightType.FLOAT32


def _name(operator: Operator) -> str:
    return operator.outputs[0].name if operator.outputs else operator.kind


def _precision(operator: Operator) -> Precision:
    is_wide = any(one is not None and one.dtype == "INT16" for one in operator.inputs)
    return Precision(WeightType.INT8, Activations.INT16 if is_wide else Activations.INT8)
