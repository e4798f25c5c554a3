"""Whether a rewritten model gives what it gave before, and in which time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgeseal.tflite.graph import Model
from edgeseal.tflite.inputs._paired_samples import drawn_samples
from edgeseal.tflite.metrics import largest_difference, real_values
from edgeseal.tflite.probe import Prober
from edgeseal.tflite.workers import Outcome, Status

__all__ = ["Sameness", "compare_outputs"]

_RUNS = 3
_ROUNDS = 8  # timed runs of each file in turn


@dataclass(frozen=True, slots=True)
class Sameness:
    """How a rewritten file compares with the one before.

    Attributes:
        difference: largest, on the scale of the larger of 1 and the largest value before; None
            where the file before does not run, infinite where the rewritten one does not.
        time_ratio: processor time of the rewritten file by that of the one before; None where one
            of them does not run.
    """

    difference: float | None
    time_ratio: float | None


def compare_outputs(
    before: tuple[Path, Model], after: tuple[Path, Model], prober: Prober, *, seed: int = 0
) -> Sameness:
    """Run both files on the same drawn inputs, in turn.

    Args:
        before: the file as it was, and what it holds.
        after: the rewritten one.
        prober: where they run.
        seed: for the inputs.

    Raises:
        UsageError: an input's type is one that cannot be drawn.
        ProbeError: the process that loads LiteRT cannot start.
    """
    difference, ratios = 0.0, []
    for sample in drawn_samples(before[1], after[1], _RUNS, seed=seed):
        old_inputs = tuple(sample.reference[tensor] for tensor in before[1].main.inputs)
        new_inputs = tuple(sample.candidate[tensor] for tensor in after[1].main.inputs)
        old = prober.run(before[0], old_inputs, repeats=_ROUNDS)
        if old.status is not Status.RAN:
            return Sameness(None, None)
        new = prober.run(after[0], new_inputs, repeats=_ROUNDS)
        if new.status is not Status.RAN:
            return Sameness(np.inf, None)
        difference = max(difference, _difference(old, before[1], new, after[1]))
        ratios.append(min(new.processor_ms) / max(min(old.processor_ms), 1e-6))
    return Sameness(difference, float(np.median(ratios)))


def _difference(old: Outcome, before: Model, new: Outcome, after: Model) -> float:
    largest = 0.0
    tensors = zip(before.main.outputs, after.main.outputs, strict=True)
    for (one, other), was, now in zip(tensors, old.outputs, new.outputs, strict=True):
        expected, found = real_values(was, one), real_values(now, other)
        if expected is None or found is None or not expected.size:
            continue
        difference = largest_difference(found, expected)
        if difference is None:
            return np.inf
        largest = max(largest, difference)
    return largest
