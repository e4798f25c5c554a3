"""When a device's values are those of a processor, and when they are others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseal.tflite.graph import Tensor
from edgeseal.tflite.metrics import ErrorSum, TensorError, real_values, sign_agreement
from edgeseal.tflite.probe import is_quantized

__all__ = ["MOST_NSR", "equal_signs", "error_of", "is_wrong"]

MOST_NSR = 1e-2
"""Largest squared error that is right, as a share of the squares: half precision is at 1e-5, whole
INT8 detectors are at 3e-4 to 5e-3, and the least that was seen of a wrong broadcast is 1.8e-2."""
_ROUNDING_STEPS = 1.5  # integers may be one step off, however small they are


def error_of(
    values: Iterable[NDArray[Any]], expected: Iterable[NDArray[Any]], tensor: Tensor
) -> TensorError:
    """Return how far a tensor's values are from what is expected, as real numbers.

    Args:
        values: for each sample, as the tensor stores them.
        expected: the same.
        tensor: gives the scale.
    """
    total = ErrorSum()
    for got, wanted in zip(values, expected, strict=True):
        reals = real_values(got, tensor), real_values(wanted, tensor)
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
