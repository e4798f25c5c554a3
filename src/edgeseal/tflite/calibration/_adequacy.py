"""What ranges from a user's pictures do to photographs: measured, not guessed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from edgeseal.tflite.calibration._calibration import Calibration, Observed
from edgeseal.tflite.calibration._calibration_inputs import bundled_inputs
from edgeseal.tflite.calibration._methods import Method, choose_range, clipped_share, rounding_error
from edgeseal.tflite.calibration._tensor_statistics import TensorStatistics
from edgeseal.tflite.graph import Model, Tensor

__all__ = ["Adequacy", "measure_adequacy"]

_FEW = 8
_WORSE = 1.5
_CLIPPED = 1e-3


@dataclass(frozen=True, slots=True)
class Adequacy:
    """How ranges serve the bundled photographs.

    Attributes:
        pictures: that the ranges come from.
        error_ratio: quantization error on the bundled photographs, as a multiple of what ranges
            from those photographs themselves give; summed over tensors, each as a share of its
            variance.
        clipped_share: share of the photographs' values outside of the ranges, 0..1.
        worst_tensor: name of the tensor whose error grows most.
    """

    pictures: int
    error_ratio: float
    clipped_share: float
    worst_tensor: str

    @property
    def warning(self) -> str | None:
        """One line to print where the ranges serve photographs badly, else None."""
        effect = (
            f"on the bundled photographs its ranges give {self.error_ratio:.2f} times the "
            f"quantization error of ranges from those photographs, and clip "
            f"{self.clipped_share:.2%} of the values (worst: {self.worst_tensor})"
        )
        if self.error_ratio > _WORSE or self.clipped_share > _CLIPPED:
            return (
                f"the calibration set ({self.pictures} pictures) looks little like photographs, or "
                f"is too small: {effect}"
            )
        if self.pictures < _FEW:
            return f"the calibration set has only {self.pictures} pictures: {effect}"
        return None


def measure_adequacy(
    calibration: Calibration, model: Model, observed: Observed, method: Method
) -> Adequacy:
    """Compare ranges with those of the bundled photographs.

    Args:
        calibration: where the ranges come from.
        model: the float graph that was observed; it is run on the photographs.
        observed: what was seen of it.
        method: that chooses ranges.

    Raises:
        RuntimeRefusalError, ModelError, UsageError: the model cannot be run on pictures.
    """
    reference = Calibration.on(model, bundled_inputs(views=1)).observe(model, observed)
    rows = {
        tensor: _errors(observed[tensor], seen, method)
        for tensor, seen in reference.items()
        if seen.high > seen.low
    }
    ours = sum(row[0] for row in rows.values())
    theirs = sum(row[1] for row in rows.values())
    clipped = float(np.mean([row[2] for row in rows.values()])) if rows else 0.0
    return Adequacy(
        pictures=calibration.ranges.inputs.pictures,
        error_ratio=ours / theirs if theirs else 1.0,
        clipped_share=clipped,
        worst_tensor=_worst(rows),
    )


def _errors(
    seen: TensorStatistics, reference: TensorStatistics, method: Method
) -> tuple[float, float, float]:
    """Return both errors as shares of the variance, and the share that is clipped."""
    histogram = reference.histogram
    ours, theirs = choose_range(seen, method), choose_range(reference, method)
    centers, counts = histogram.centers(), histogram.counts
    mean = counts @ centers / counts.sum()
    variance = max(float(counts @ np.square(centers - mean) / counts.sum()), 1e-30)
    return (
        rounding_error(histogram, ours) / variance,
        rounding_error(histogram, theirs) / variance,
        clipped_share(histogram, ours),
    )


def _worst(rows: Mapping[Tensor, tuple[float, float, float]]) -> str:
    if not rows:
        return "none"
    return max(rows, key=lambda tensor: rows[tensor][0] - rows[tensor][1]).name
