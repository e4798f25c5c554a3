"""When a device's values are those of a processor, and when they are others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseal.tflite.graph import Tensor
from edgeseal.tflite.metrics import ErrorSum, TensorError, real_values, sign_agreement
from edgeseal.tflite.probe import is_quantized

__all__ = ["MOST_NSR", "equal_signs", "error_of", "is_as_near", "is_wrong"]

MOST_NSR = 1e-2
"""Largest squared error that is right, as a share of the squares: half precision is at 1e-5, whole
INT8 detectors are at 3e-4 to 5e-3, and the least that was seen of a wrong broadcast is 1.8e-2."""
_MOST_OWN_NSR = 0.25  # of a processor against a float model; with more, nothing is near it
_AS_NEAR = 1.2
_ROUNDING_STEPS = 1.5  # integers may be one step off, however small they are


def error_of(
    values: Iterable[NDArray[Any]],
    expected: Iterable[NDArray[Any]],
    tensor: Tensor,
    other: Tensor | None = None,
) -> TensorError:
    """Return how far a tensor's values are from what is expected, as real numbers.

    Args:
        values: for each sample, as the tensor stores them.
        expected: the same.
        tensor: gives the scale.
        other: gives that of what is expected; the same if None.
    """
    total = ErrorSum()
    for got, wanted in zip(values, expected, strict=True):
        reals = real_values(got, tensor), real_values(wanted, other or tensor)
        if reals[0] is not None and reals[1] is not None:
            total.add(reals[0], reals[1])
    return total.error()


def is_wrong(error: TensorError, tensor: Tensor) -> bool:
    """Whether an error is larger than precision and rounding explain."""
    if error.not_finite:
        return True
    scale = tensor.quantization.scale if tensor.quantization is not None else np.zeros(1)
    if is_quantized(tensor) and error.max_abs <= _ROUNDING_STEPS * float(scale.max()):
        return False
    return not error.is_exact and (error.nsr is None or error.nsr > MOST_NSR)


def is_as_near(error: TensorError, own: TensorError) -> bool:
    """Whether a device is as near to a float model as a processor is.

    Deep models of integers make much of a step up or down, which kernels that are both right may
    round differently: then they differ, and neither is farther from what the model means.

    Args:
        error: of the device against the float model.
        own: of the processor.
    """
    if error.not_finite or error.nsr is None or own.nsr is None:
        return False
    return own.nsr <= _MOST_OWN_NSR and error.nsr <= _AS_NEAR * own.nsr


def equal_signs(
    values: Sequence[NDArray[Any]], expected: Sequence[NDArray[Any]], tensor: Tensor
) -> float | None:
    """Return the share of values of equal sign; None where all are of one sign, or not numbers."""
    pairs = [
        (real_values(got, tensor), real_values(wanted, tensor))
        for got, wanted in zip(values, expected, strict=True)
    ]
    known = [(got, wanted) for got, wanted in pairs if got is not None and wanted is not None]
    if not known:
        return None
    reference = np.concatenate([wanted.reshape(-1) for _, wanted in known])
    if (reference > 0).all() or not (reference > 0).any():
        return None
    return sign_agreement(np.concatenate([got.reshape(-1) for got, _ in known]), reference)
