"""How far the outputs of a file are from those of another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseal.tflite.graph import Part, Tensor
from edgeseal.tflite.metrics._error_sums import ErrorSum, TensorError, real_values, worst
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
        parts: errors of what is joined to it, in order, such as boxes and scores.
    """

    name: str
    error: TensorError
    nmse_img: float | None
    sign_agreement: float
    parts: tuple[TensorError, ...] = ()

    @property
    def worst(self) -> TensorError:
        """The error of the worst part, or of the whole where that is worse or all there is."""
        return worst((self.error, *self.parts)) or self.error


class OutputMeter:
    """Adds up the errors of an output over samples."""

    def __init__(self, reference: Tensor, candidate: Tensor, parts: Sequence[Part] = ()) -> None:
        self._reference = reference
        self._candidate = candidate
        self._total = ErrorSum()
        self._parts = [(place, ErrorSum()) for place in parts]
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
        for place, total in self._parts:
            if len(place) == real.ndim:
                total.add(real[place], expected[place])
        self._values.append(expected)
        with np.errstate(invalid="ignore", over="ignore"):  # no number, then, and nothing said
            self._squared_error += float(np.square(real - expected).mean()) if real.size else 0.0
        self._same_signs += int(np.count_nonzero((real > 0) == (expected > 0)))

    def error(self) -> OutputError | None:
        """Return the error of everything that was added; None where there was nothing."""
        count = sum(values.size for values in self._values)
        if not count:
            return None
        share = self._same_signs / count
        parts = tuple(total.error() for _, total in self._parts)
        return OutputError(self._candidate.name, self._total.error(), self._across(), share, parts)

    def _across(self) -> float | None:
        shapes = {values.shape for values in self._values}
        if len(self._values) < 2 or len(shapes) > 1:
            return None
        with np.errstate(invalid="ignore", over="ignore"):
            variance = float(np.stack(self._values).var(axis=0).mean())
        mean_error = self._squared_error / len(self._values)
        return ratio(mean_error, variance)
