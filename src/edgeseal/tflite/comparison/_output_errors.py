"""How far the outputs of a file are from those of another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseal.tflite.graph import Tensor
from edgeseal.tflite.metrics._error_sums import ErrorSum, TensorError, real_values
from edgeseal.tflite.metrics._measures import ratio

__all__ = ["OutputError", "OutputMeter"]


@dataclass(frozen=True, slots=True)
class OutputError:
    """How far an output is from the reference's.

    Attributes:
        name: of the output.
        error: over all samples.
        nmse_img: :func:`~edgeseal.tflite.metrics.nmse_img` over the samples; None with one
            sample, where nothing varies, or shapes differ.
        sign_agreement: share of values whose signs are the same, 0..1.
    """

    name: str
    error: TensorError
    nmse_img: float | None
    sign_agreement: float


class OutputMeter:
    """Adds up the errors of an output over samples."""

    def __init__(self, reference: Tensor, candidate: Tensor) -> None:
        self._reference = reference
        self._candidate = candidate
        self._total = ErrorSum()
        self._values: list[NDArray[np.float64]] = []
        self._squared_error = 0.0
        self._same_signs = 0

    def add(self, reference: NDArray[Any], candidate: NDArray[Any]) -> None:
        """Add the output of one sample; arrays that are no numbers do not count."""
        expected = real_values(reference, self._reference)
        real = real_values(candidate, self._candidate)
        if expected is None or real is None or expected.shape != real.shape:
            return
        self._total.add(real, expected)
        self._values.append(expected)
        self._squared_error += float(np.square(real - expected).mean()) if real.size else 0.0
        self._same_signs += int(np.count_nonzero((real > 0) == (expected > 0)))

    def error(self) -> OutputError | None:
        """Return the error of everything that was added; None where there was nothing."""
        count = sum(values.size for values in self._values)
        if not count:
            return None
        share = self._same_signs / count
        return OutputError(self._candidate.name, self._total.error(), self._across(), share)

    def _across(self) -> float | None:
        shapes = {values.shape for values in self._values}
        if len(self._values) < 2 or len(shapes) > 1:
            return None
        variance = float(np.stack(self._values).var(axis=0).mean())
        mean_error = self._squared_error / len(self._values)
        return ratio(mean_error, variance)
