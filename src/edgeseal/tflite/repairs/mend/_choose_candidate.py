"""Tries the candidates for a group of operators that fail alike, and chooses one."""

from __future__ import annotations

import enum
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from edgeseal.tflite.graph import has_own_options
from edgeseal.tflite.repairs.mend._float_islands import COMPUTE_IN_FLOAT
from edgeseal.tflite.repairs.mend._integer_edges import UNIFY_TYPES
from edgeseal.tflite.repairs.mend._measure_candidate import CandidateMeasurement
from edgeseal.tflite.repairs.mend._off_zero import KEEP_OFF_ZERO
from edgeseal.tflite.repairs.mend._parameters import CLEAR_POT_SCALE, CORRECT_AXIS, UNIFY_SCALES
from edgeseal.tflite.repairs.mend._swapped_matmul import EXCHANGE_OPERANDS
from edgeseal.tflite.rewrites import OperatorRewrite, Replacement, Site

__all__ = ["MEND", "Choice", "Preference", "Trials", "candidates", "choose"]

_WORST_NMSE = 0.1  # a result further off is no repair
_MARGIN = 1.1  # what differs by less is equal
_ROUNDING = 1e-7  # NMSE of float rounding and of INT16 steps

Trials = Callable[[Replacement], CandidateMeasurement]

MEND: tuple[tuple[OperatorRewrite, ...], ...] = (
    (CLEAR_POT_SCALE, CORRECT_AXIS, UNIFY_SCALES),  # say right what was meant; nothing else changes
    (COMPUTE_IN_FLOAT, KEEP_OFF_ZERO, EXCHANGE_OPERANDS, UNIFY_TYPES),
)
"""Rewrites by how much they change; the first tier in which one works decides."""


class Preference(enum.Enum):
    """What decides between candidates that all work."""

    ACCURACY = "accuracy"  # then size, then speed
    INTEGER = "integer"  # kernels that compute in integers, where there is a choice


@dataclass(slots=True)
class Choice:
    """Which candidates work, best first, and why others do not.

    Attributes:
        texts: of those that work.
        refusals: the message for each that does not.
    """

    texts: list[str] = field(default_factory=list)
    refusals: dict[str, str] = field(default_factory=dict)


def choose(sites: Sequence[Site], trial: Callable[[Site], Trials], prefer: Preference) -> Choice:
    """Try every candidate on every site, and put those that work on all in order.

    Args:
        sites: operators that fail alike.
        trial: for a site, what measures a candidate there.
        prefer: what counts first.
    """
    choice = Choice()
    for tier in MEND:
        found: dict[str, list[CandidateMeasurement]] = {}
        integer: dict[str, bool] = {}
        for site in sites:
            measure = trial(site)
            for _, candidate in candidates(site, [tier]):
                found.setdefault(candidate.text, []).append(measure(candidate))
                integer[candidate.text] = not candidate.is_float
        working = dict(_working(found, len(sites), choice.refusals))
        if working:
            is_first = integer if prefer is Preference.INTEGER else {}
            choice.texts = _ranked(working, is_first)
            break
    return choice


def candidates(
    site: Site, tiers: Sequence[Sequence[OperatorRewrite]] = MEND
) -> Iterator[tuple[OperatorRewrite, Replacement]]:
    """Return every way to mend an operator, and the rewrite that it is of; none if damaged."""
    if not has_own_options(site.operator):
        return
    for tier in tiers:
        for rewrite in tier:
            yield from ((rewrite, candidate) for candidate in rewrite.find(site))


def _working(
    found: Mapping[str, list[CandidateMeasurement]], sites: int, refusals: dict[str, str]
) -> Iterator[tuple[str, CandidateMeasurement]]:
    for text, measurements in found.items():
        failed = next((m for m in measurements if m.nmse is None), None)
        errors = [m.nmse for m in measurements if m.nmse is not None]
        error = max(errors, default=0.0, key=lambda nmse: (math.isnan(nmse), nmse))
        if failed is not None:
            refusals[text] = failed.message
        elif not error <= _WORST_NMSE:  # or no number
            refusals[text] = f"its result is off: NMSE {error:.2g}"
        elif len(measurements) == sites:
            size = sum(m.added_bytes for m in measurements)
            yield text, CandidateMeasurement(error, size, sum(m.latency_ms for m in measurements))


def _ranked(working: Mapping[str, CandidateMeasurement], is_first: Mapping[str, bool]) -> list[str]:
    """Order by accuracy, then size, then speed; what is nearly equal counts as equal."""
    left, ranked = dict(working), []
    while left:
        best = [text for text in left if is_first.get(text)] or list(left)
        for quantity in (_error, _size, _latency):
            least = min(quantity(left[text]) for text in best)
            best = [text for text in best if quantity(left[text]) <= least * _MARGIN]
        ranked.append(best[0])
        del left[best[0]]
    return ranked


def _error(measurement: CandidateMeasurement) -> float:
    return _ROUNDING + (measurement.nmse or 0.0)


def _size(measurement: CandidateMeasurement) -> float:
    return max(measurement.added_bytes, 0) + 1024.0


def _latency(measurement: CandidateMeasurement) -> float:
    return measurement.latency_ms
