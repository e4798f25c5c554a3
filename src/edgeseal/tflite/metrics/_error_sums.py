"""How far values are from others, summed over samples."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseal.tflite.graph import Tensor
from edgeseal.tflite.metrics._measures import ratio
from edgeseal.tflite.probe import dequantize, is_quantized

__all__ = ["ErrorSum", "TensorError", "real_values", "worst"]


@dataclass(frozen=True, slots=True)
class TensorError:
    """How far values are from a reference; both as real numbers, dequantized.

    Attributes:
        nsr: noise-to-signal ratio, see :func:`~edgeseal.tflite.metrics.nsr`; None where the
            reference is zero throughout and the values are not, or beyond double precision, or
            where values are not finite on one side, or all on both.
        max_abs: largest absolute difference of finite values.
        not_finite: values that are NaN or infinite on one side only, or differently.
    """

    nsr: float | None
    max_abs: float
    not_finite: int = 0

    @property
    def snr_db(self) -> float | None:
        """Signal to noise ratio, -10 log10(NSR); None where there is no noise, or no signal."""
        return -10 * math.log10(self.nsr) if self.nsr else None

    @property
    def is_exact(self) -> bool:
        """Whether there is no difference at all."""
        return self.max_abs == 0 and self.not_finite == 0

    @property
    def is_finite(self) -> bool:
        """Whether values could be compared: all that are not finite are so on both sides."""
        return not self.not_finite and (self.nsr is not None or self.max_abs > 0)

    def __str__(self) -> str:
        """Return the NSR, or what stands in its way."""
        if not self.is_finite:
            return "not finite"
        if self.is_exact:
            return "0"
        return "undefined" if self.nsr is None else f"{self.nsr:.1e}"

    @property
    def severity(self) -> float:
        """The NSR to sort by; infinite where it is undefined or values are not finite."""
        return math.inf if self.nsr is None or self.not_finite else self.nsr


class ErrorSum:
    """Adds up errors over samples."""

    def __init__(self) -> None:
        self._squared = 0.0
        self._power = 0.0
        self._max_abs = 0.0
        self._not_finite = 0
        self._count = 0
        self._finite = 0

    def add(self, values: NDArray[np.float64], reference: NDArray[np.float64]) -> None:
        """Add values; both float64 of one shape."""
        finite = np.isfinite(values) & np.isfinite(reference)
        if not finite.all():
            same = (values == reference) | (np.isnan(values) & np.isnan(reference))
            self._not_finite += int(np.count_nonzero(~finite & ~same))
            values, reference = values[finite], reference[finite]
        self._count += finite.size
        self._finite += values.size
        differences = np.abs(values - reference)
        with np.errstate(over="ignore"):  # the error is then undefined
            self._squared += float(np.square(differences).sum())
            self._power += float(np.square(reference).sum())
        self._max_abs = max(self._max_abs, float(differences.max(initial=0)))

    def error(self) -> TensorError:
        """Return the error of everything that was added."""
        says_nothing = self._not_finite or (self._count and not self._finite)
        nsr = None if says_nothing else ratio(self._squared, self._power)
        return TensorError(nsr, self._max_abs, self._not_finite)


def real_values(values: NDArray[Any], tensor: Tensor) -> NDArray[np.float64] | None:
    """Return what stored values stand for; None for strings."""
    if values.dtype.kind == "O":
        return None
    if tensor.quantization is not None and is_quantized(tensor):
        return dequantize(values, tensor.quantization).astype(np.float64)
    if values.dtype.kind == "c":
        return np.stack([values.real, values.imag], axis=-1).astype(np.float64)
    return values.astype(np.float64)


def worst(errors: Iterable[TensorError | None]) -> TensorError | None:
    """Return the error of the highest severity; None where there is none."""
    known = [error for error in errors if error is not None]
    return max(known, key=lambda error: (error.severity, error.max_abs), default=None)
