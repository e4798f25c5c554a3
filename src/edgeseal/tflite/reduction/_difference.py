"""A numeric difference as what a smaller model has to show."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgeseal.tflite.graph import Model, read_model
from edgeseal.tflite.metrics._error_sums import real_values
from edgeseal.tflite.probe import Prober
from edgeseal.tflite.reduction._cut_candidate import CutCandidate, drawn_inputs
from edgeseal.tflite.reduction._cut_source import transferred
from edgeseal.tflite.reduction._short_names import short_name
from edgeseal.tflite.workers import Outcome, Status

__all__ = ["AgainstSymptom", "FallbackSymptom"]

Array = NDArray[np.float64]
Arrays = dict[str, Array]


@dataclass(frozen=True, slots=True)
class FallbackSymptom:
    """Outputs that depend on whether LiteRT uses its accelerated delegate.

    Attributes:
        tolerance: largest difference that is still fine, as a share of the output's largest value.
    """

    tolerance: float

    @property
    def needs_inputs(self) -> bool:
        """True."""
        return True

    def observe(self, candidate: CutCandidate, prober: Prober) -> str | None:
        """Return the largest difference in words, or None if it is within the tolerance."""
        model = read_model(candidate.path)
        inputs = tuple(drawn_inputs(model, candidate.inputs).values())
        if len(inputs) < len(model.main.inputs):
            return None
        ours = prober.run(candidate.path, inputs)
        theirs = prober.run(candidate.path, inputs, with_delegate=False)
        outputs = _real_outputs(model, ours), _real_outputs(model, theirs)
        return _describe(*outputs, self.tolerance, "the fallback kernels") if all(outputs) else None


@dataclass(frozen=True, slots=True)
class AgainstSymptom:
    """Outputs that differ from those of the same part of another file.

    Attributes:
        tolerance: largest difference that is still fine, as a share of the output's largest value.
    """

    tolerance: float

    @property
    def needs_inputs(self) -> bool:
        """True."""
        return True

    def observe(self, candidate: CutCandidate, prober: Prober) -> str | None:
        """Return the largest difference in words, or None if it is within the tolerance."""
        if candidate.companion is None:
            return None
        model, other = read_model(candidate.path), read_model(candidate.companion)
        inputs = drawn_inputs(model, candidate.inputs)
        if len(inputs) < len(model.main.inputs):
            return None
        ours = prober.run(candidate.path, tuple(inputs.values()))
        sources = {tensor.name: tensor for tensor in model.main.inputs}
        given = (transferred(inputs[t.name], sources[t.name], t) for t in other.main.inputs)
        theirs = prober.run(candidate.companion, tuple(given))
        outputs = _real_outputs(model, ours), _real_outputs(other, theirs)
        return _describe(*outputs, self.tolerance, "the other file") if all(outputs) else None


def _real_outputs(model: Model, outcome: Outcome) -> Arrays:
    """Return dequantized outputs by name; none if it did not run."""
    if outcome.status is not Status.RAN:
        return {}
    pairs = zip(model.main.outputs, outcome.outputs, strict=True)
    real = {tensor.name: real_values(values, tensor) for tensor, values in pairs}
    return {name: values for name, values in real.items() if values is not None}


def _describe(ours: Arrays, theirs: Arrays, tolerance: float, other: str) -> str | None:
    shared = [name for name in ours if name in theirs]
    found = [(_difference(ours[name], theirs[name]), name) for name in shared]
    worst, name = max(found, default=(0.0, ""))
    if not worst > tolerance:
        return None
    return f"{short_name(name)} differs from {other} by {worst:.3g} of its largest value"


def _difference(ours: Array, theirs: Array) -> float:
    """Return the largest absolute difference over the largest absolute value of ``theirs``."""
    if ours.shape != theirs.shape or not np.isfinite(theirs).all():  # nothing to compare with
        return 0.0
    if not np.isfinite(ours).all():
        return math.inf
    largest = float(np.abs(theirs).max(initial=0.0))
    difference = float(np.abs(ours - theirs).max(initial=0.0))
    if not largest:
        return math.inf if difference else 0.0
    return difference / largest
