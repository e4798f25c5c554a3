"""Results that an integer kernel gets wrong without a word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseal.tflite.graph import Operator, Tensor
from edgeseal.tflite.metrics import nsr
from edgeseal.tflite.probe import ExecutedStep, Prober, is_quantized, run_twin
from edgeseal.tflite.workers import Status

__all__ = ["has_wrong_result"]

_WRONG = 0.5  # noise-to-signal ratio; rounding gives 0.01 or less
_SUMS = ("ADD", "SUB", "MAXIMUM", "MINIMUM", "CONCATENATION", "QUANTIZE")
_RECURRENT = ("LSTM", "RNN", "SVDF")  # their integer kernels are other algorithms, with state


def has_wrong_result(
    step: ExecutedStep, prober: Prober, readers: Mapping[Tensor, Sequence[Operator]]
) -> bool:
    """Whether an operator's stored integers are far from what its float twin rounds to.

    Errors below half a step of every sum that they go into do not count.

    The twin's result is rounded and clipped to the same type and scale, so this is the kernel's
    own error and not that of a coarse or narrow output.
    """
    outputs = step.operator.outputs
    if any(word in step.operator.kind for word in _RECURRENT):
        return False
    if step.outcome.status is not Status.RAN or not outputs or not all(map(is_quantized, outputs)):
        return False
    expected = run_twin(step.operator, step.inputs, prober)
    return expected is not None and any(
        _is_wrong(got, want, tensor.quantization.zero_point[0])
        and _matters(got, want, tensor, readers.get(tensor, ()))
        for got, want, tensor in zip(step.outcome.outputs, expected, outputs, strict=True)
        if tensor.quantization is not None
    )


def _matters(
    got: NDArray[Any], want: NDArray[Any], tensor: Tensor, readers: Sequence[Operator]
) -> bool:
    """Whether the error can show in what reads a tensor; other readers than sums may enlarge it."""
    if not readers or tensor.quantization is None:
        return True
    largest = float(np.abs(got.astype(np.float64) - want).max(initial=0))
    error = largest * float(tensor.quantization.scale[0])
    for reader in readers:
        result = reader.outputs[0] if reader.outputs else None
        if reader.kind not in _SUMS or result is None or result.quantization is None:
            return True
        if error >= float(result.quantization.scale[0]) / 2:
            return True
    return False


def _is_wrong(got: NDArray[Any], want: NDArray[Any], zero_point: np.int64) -> bool:
    if got.shape != want.shape:
        return False
    error = nsr(got.astype(np.float64) - zero_point, want.astype(np.float64) - zero_point)
    return error is not None and error > _WRONG
