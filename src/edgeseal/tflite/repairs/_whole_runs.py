"""Whole models run on the same inputs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseal.tflite.diagnosis import Samples
from edgeseal.tflite.graph import Model, Tensor, paired_ends
from edgeseal.tflite.probe import Prober, draw, numpy_type, quantize, size_bytes
from edgeseal.tflite.repairs._agreement import Outputs
from edgeseal.tflite.repairs.mend._seen_values import real
from edgeseal.tflite.workers import Status

__all__ = ["Run", "complete", "outputs_of", "translated"]

Run = tuple[NDArray[Any], ...]
"""An array for each input of the main subgraph, in its order."""


def complete(model: Model, samples: Sequence[Samples], seed: int, limit_bytes: int) -> list[Run]:
    """Draw what samples lack, as a check with the same seed does.

    Args:
        model: whose main subgraph runs.
        samples: arrays by the inputs' names.
        seed: for what is drawn.
        limit_bytes: largest input that is worth a run.

    Returns:
        The runs; none where an array cannot hold an input, or it is too large.
    """
    generator = np.random.default_rng(seed)
    inputs = model.main.inputs
    if any(numpy_type(t) is None or size_bytes(t) > limit_bytes for t in inputs):
        return []
    runs = []
    for sample in samples:
        arrays = [sample[t.name] if t.name in sample else draw(t, generator) for t in inputs]
        runs.append(tuple(array for array in arrays if array is not None))
    return runs


def outputs_of(
    model: Model, path: Path, runs: Sequence[Run], prober: Prober
) -> list[Outputs] | None:
    """Run a file and return the real values of its outputs, or None where it does not run."""
    results: list[Outputs] = []
    for run in runs:
        outcome = prober.run(path, run)
        if outcome.status is not Status.RAN:
            return None
        pairs = zip(outcome.outputs, model.main.outputs, strict=True)
        results.append([real(stored, tensor) for stored, tensor in pairs])
    return results


def translated(model: Model, runs: Sequence[Run], other: Model) -> list[Run]:
    """Return runs of a model for another one of the same graph, possibly with other types.

    Raises:
        ValueError: their inputs differ.
    """
    sources = model.main.inputs
    pairs = paired_ends(sources, other.main.inputs)
    return [
        tuple(_stored_alike(run[sources.index(source)], source, target) for target, source in pairs)
        for run in runs
    ]


def _stored_alike(values: NDArray[Any], source: Tensor, target: Tensor) -> NDArray[Any]:
    if values.dtype == numpy_type(target) and source.quantization is None:
        return values
    return quantize(real(values, source), target)
