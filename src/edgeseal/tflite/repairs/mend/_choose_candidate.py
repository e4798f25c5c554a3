"""Tries the candidates for a group of operators that fail alike, and chooses one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from edgeseal.tflite.repairs.mend._candidate import MendCandidate, Preference, Site
from edgeseal.tflite.repairs.mend._float_islands import float_forms
from edgeseal.tflite.repairs.mend._integer_edges import integer_forms
from edgeseal.tflite.repairs.mend._measure_candidate import CandidateMeasurement
from edgeseal.tflite.repairs.mend._off_zero import away_from_zero
from edgeseal.tflite.repairs.mend._parameters import axis_inside, general_scales, one_scale
from edgeseal.tflite.repairs.mend._swapped_matmul import exchanged_operands

__all__ = ["Choice", "Trials", "choose"]

_WORST_NMSE = 0.1  # a result further off is no repair
_MARGIN = 1.1  # what differs by less is equal
_ROUNDING = 1e-7  # NMSE of float rounding and of INT16 steps

Generator = Callable[[Site], Iterator[MendCandidate]]
Trials = Callable[[MendCandidate], CandidateMeasurement]

_TIERS: tuple[tuple[Generator, ...], ...] = (
    (general_scales, axis_inside, one_scale),  # say right what was meant; nothing else changes
    (float_forms, away_from_zero, exchanged_operands, integer_forms),
)
"""Candidates by how much they change; the first tier in which one works decides."""


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
    for tier in _TIERS:
        found: dict[str, list[CandidateMeasurement]] = {}
        integer: dict[str, bool] = {}
        for site in sites:
            measure = trial(site)
            for candidate in candidates(site, tier):
                found.setdefault(candidate.text, []).append(measure(candidate))
                integer[candidate.text] = candidate.is_integer
        working = dict(_working(found, len(sites), choice.refusals))
        if working:
            is_first = integer if prefer is Preference.INTEGER else {}
            choice.texts = _ranked(working, is_first)
            break
    return choice


def candidates(site: Site, tier: Sequence[Generator] | None = None) -> Iterator[MendCandidate]:
    """Return the candidates of a tier, or of all."""
    for generators in _TIERS if tier is None else (tier,):
        for generate in generators:
            yield from generate(site)


def _working(
    found: Mapping[str, list[CandidateMeasurement]], sites: int, refusals: dict[str, str]
) -> Iterator[tuple[str, CandidateMeasurement]]:
    for text, measurements in found.items():
        failed = next((m for m in measurements if m.nmse is None), None)
        error = max((m.nmse for m in measurements if m.nmse is not None), default=0.0)
        if failed is not None:
            refusals[text] = failed.message
        elif error > _WORST_NMSE:
            refusals[text] = f"its result is off: squared error {error:.2g} of the variance"
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
