"""Sees what values the activations that get fixed ranges have."""

from __future__ import annotations

from edgeseal.tflite.calibration import ArrayInputs, measure_adequacy
from edgeseal.tflite.graph import Tensor
from edgeseal.tflite.quantization._work import Work
from edgeseal.tflite.quantization.recipe._layer_plan import PlannedOperator

__all__ = ["observe_activations"]


def observe_activations(work: Work) -> None:
    """Run the float graph, as it is after its exact rewrites, on the calibration data."""
    main = set(work.model.main.operators)
    wanted: dict[Tensor, None] = {}
    for entry in work.plan.entries.values():
        if entry.operator not in main or entry.precision is None:
            continue
        operands = [tensor for tensor in entry.operator.inputs if tensor is not None]
        if entry.precision.is_static:
            wanted.update(dict.fromkeys([*operands, *entry.operator.outputs]))
        elif work.recipe.methods.correct_bias and entry.layer is not None:
            wanted.update(dict.fromkeys(operands[:1]))
    if wanted and work.calibration is not None:
        work.observed = work.calibration.observe(work.model, wanted)
        _warn(work)
    if work.recipe.methods.correct_bias:
        work.float_weights = {entry.operator: _weights(entry) for entry in work.plan.layers}


def _warn(work: Work) -> None:
    """Note what pictures that are not the bundled ones do to photographs, if that is bad."""
    calibration = work.calibration
    if calibration is None or calibration.ranges.inputs.is_bundled:
        return
    if isinstance(calibration.inputs, ArrayInputs):  # no pictures to compare with photographs
        return
    method = work.recipe.methods.ranges
    warning = measure_adequacy(calibration, work.model, work.observed, method).warning
    if warning is not None:
        work.notes.append(warning)


def _weights(entry: PlannedOperator) -> Tensor:
    if entry.layer is None:
        raise TypeError(f"{entry.name} has no weights")
    return entry.layer.weights
