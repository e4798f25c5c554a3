"""Says what values pictures were fed as, and what speaks against them."""

from __future__ import annotations

import numpy as np

from edgeseal.tflite.calibration import ArrayInputs, TensorStatistics
from edgeseal.tflite.inputs import ScaleSource, picture_scale, state_scale
from edgeseal.tflite.quantization._weighted_layers import input_layers
from edgeseal.tflite.quantization._work import Work

__all__ = ["doubt_input_range"]

_CONSTANT = 0.02  # of its size: a channel that varies less tells pictures apart no more


def doubt_input_range(work: Work) -> None:
    """Note how pictures are fed where nobody said it, and whether the first layers see them."""
    calibration = work.calibration
    inputs = None if calibration is None else calibration.inputs
    if calibration is None or inputs is None or isinstance(inputs, ArrayInputs):
        return
    scale, source = picture_scale(work.model)
    if source is ScaleSource.STATED:
        return
    if source is ScaleSource.METADATA:
        work.notes.append(f"pictures are fed as {scale}, as its metadata says")
        return
    why = {
        ScaleSource.OPERATORS: "as its first operators suggest",
        ScaleSource.NOTHING: "for nothing in the file says what it takes",
    }
    if source is ScaleSource.OPERATORS:
        state_scale(work.model, scale)  # in integers these operators tell it no more
    said = f"pictures are fed as {scale}, {why[source]}"
    layers = [layer.operator.outputs[0] for layer in input_layers(work.model.main)]
    seen = calibration.observe(work.model, layers) if layers else {}
    if any(_is_constant(statistics) for statistics in seen.values()):
        said += ", and its first layers hardly see them: most channels are constant"
    work.notes.append(f"{said}; `input_range`, or `mean` and `std`, say it otherwise")


def _is_constant(seen: TensorStatistics) -> bool:
    low, high = seen.channel_low, seen.channel_high
    if low is None or high is None:
        return False
    size = np.maximum(np.abs(low), np.abs(high))
    return bool(np.mean(high - low <= _CONSTANT * size) > 0.5)
