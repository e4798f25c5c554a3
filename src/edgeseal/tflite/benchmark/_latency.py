"""Interleaved timing: one run of each in turn, so that a slow moment hits all alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

__all__ = ["Latency", "measure_interleaved"]

_WARM_UP_ROUNDS = 2


@dataclass(frozen=True, slots=True)
class Latency:
    """Durations of one candidate.

    Attributes:
        median_ms: median over the rounds, in milliseconds.
        ratio: median over the rounds of this duration by the first candidate's in the same round.
    """

    median_ms: float
    ratio: float


def measure_interleaved(
    candidates: Mapping[str, Callable[[], object]], *, rounds: int
) -> dict[str, Latency]:
    """Time candidates against the first of them.

    Args:
        candidates: what to call, by name; the first is the reference of the ratios.
        rounds: timed calls of each, after two that are not counted.
    """
    durations = np.array([_one_round(candidates) for _ in range(_WARM_UP_ROUNDS + rounds)])
    counted = durations[_WARM_UP_ROUNDS:]
    medians = np.median(counted, axis=0) * 1e3
    ratios = np.median(counted / counted[:, :1], axis=0)
    return {
        name: Latency(float(median), float(ratio))
        for name, median, ratio in zip(candidates, medians, ratios, strict=True)
    }


def _one_round(candidates: Mapping[str, Callable[[], object]]) -> list[float]:
    durations = []
    for call in candidates.values():
        start = time.perf_counter()
        call()
        durations.append(time.perf_counter() - start)
    return durations
