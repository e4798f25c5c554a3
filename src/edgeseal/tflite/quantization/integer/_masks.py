"""Masks before a softmax, saturated at what it can tell apart.

Exporters write "not this one" as -1e9, as the smallest float or as minus infinity. Integers that
hold such a number beside scores have no step left for the scores, and kernels abort on the ratio of
the scales. A score that lies 16 below the row's largest has a weight of e^-16 and less, whatever
else it may be, so with scores in low..high a mask of low - high - 16 says the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from edgeseal.tflite.calibration import TensorStatistics
from edgeseal.tflite.graph import Model, Operator, Subgraph, Tensor, float32_constant
from edgeseal.tflite.probe import constant_values
from edgeseal.tflite.quantization.integer._integer_builder import Span, Values

__all__ = ["bound_masks", "saturate_masks"]

_MARGIN = 16.0
_BOUND = 1e6  # of what is taken for a mask whatever the scores are
_LEAST = 50.0  # smaller constants are values like others
_LEAST_FACTOR = 5e3
_SMALLEST_FACTOR = 1e-6
_ROUNDS = 4  # of masks that are added to masks
_MEMORYLESS = (
    "RESHAPE",
    "TRANSPOSE",
    "SLICE",
    "STRIDED_SLICE",
    "SQUEEZE",
    "EXPAND_DIMS",
    "BROADCAST_TO",
    "TILE",
    "CONCATENATION",
)
_SUMS = ("ADD", "SUB")
_CHOICES = ("SELECT", "SELECT_V2")

Observe = Callable[[Model, Sequence[Tensor]], dict[Tensor, TensorStatistics]]


@dataclass(frozen=True, slots=True)
class _Site:
    """A constant that an operator on the way to a softmax masks scores with.

    Attributes:
        operator: reads it.
        position: of the constant among its inputs.
        scores: what the mask is added to or chosen instead of.
        factor: what the constant is multiplied with to make the mask; None if it is the mask.
    """

    operator: Operator
    position: int
    scores: Tensor
    factor: Tensor | None = None

    @property
    def values(self) -> Values | None:
        """The constant, float32; None where it is something else."""
        tensor = self.operator.inputs[self.position]
        values = None if tensor is None else constant_values(tensor)
        return values if values is not None and values.dtype == np.float32 else None

    @property
    def largest(self) -> float:
        """How far it takes scores down, if it does."""
        values = self.values
        if values is None or not values.size:
            return 0.0
        lowest, highest = float(values.min()), float(values.max())
        if self.factor is not None:
            return max(-lowest, highest)
        return highest if self._is_subtracted else -lowest

    def saturate(self, depth: float) -> bool:
        """Let it take scores down by ``depth`` at most; returns whether it took them further."""
        values = self.values
        if values is None or self.largest <= depth:
            return False
        low = -np.inf if self.factor is None and self._is_subtracted else -depth
        high = depth if self.factor is not None or self._is_subtracted else np.inf
        name = f"{self.operator.outputs[0].name}/mask"
        bounded = np.clip(values, low, high).astype(np.float32)
        self.operator.inputs[self.position] = float32_constant(name, bounded)
        return True

    @property
    def _is_subtracted(self) -> bool:
        return self.operator.kind == "SUB"


def bound_masks(model: Model) -> None:
    """Make masks that no integer stands for, such as minus infinity, finite; needs no data."""
    for subgraph in model.subgraphs:
        for site in _sites(subgraph):
            site.saturate(_BOUND)


def saturate_masks(model: Model, observe: Observe) -> dict[Tensor, Span]:
    """Raise masks of the main function to what softmax can tell from minus infinity.

    Returns:
        Ranges of masks that are computed or given, and of what comes of adding them.
    """
    bound_masks(model)
    for _ in range(_ROUNDS):
        sites = [site for site in _sites(model.main) if site.largest > _least_of(site)]
        if not sites:
            break
        read = [t for site in sites for t in (site.scores, site.factor) if t is not None]
        seen = observe(model, list(dict.fromkeys(read)))
        if not [site for site in sites if site.saturate(_depth(site, seen))]:
            break
    return _ranges_of_given(model, observe)


def _least_of(site: _Site) -> float:
    return _LEAST if site.factor is None else _LEAST_FACTOR


def _depth(site: _Site, seen: dict[Tensor, TensorStatistics]) -> float:
    scores = seen[site.scores]
    depth = scores.high - scores.low + _MARGIN
    if site.factor is None:
        return depth
    factor = seen[site.factor]
    return depth / max(factor.high, -factor.low, _SMALLEST_FACTOR)


def _sites(subgraph: Subgraph) -> Iterator[_Site]:
    """Yield the constants that mask what a softmax reads."""
    makers = subgraph.producers()
    waiting: list[tuple[Tensor | None, Tensor | None]]
    waiting = [(o.inputs[0], None) for o in subgraph.operators if o.kind == "SOFTMAX"]
    found: set[Operator] = set()
    while waiting:
        tensor, scores = waiting.pop()
        maker = None if tensor is None else makers.get(tensor)
        if maker is None or maker in found:
            continue
        found.add(maker)
        if maker.kind in _MEMORYLESS:
            waiting += ((source, scores) for source in maker.inputs)
        elif maker.kind in _SUMS:
            yield from _masks_of(maker, 0, None)
            waiting += ((t, _other(maker, t)) for t in maker.inputs)
        elif maker.kind in _CHOICES:
            yield from _masks_of(maker, 1, scores)
        elif maker.kind == "MUL" and scores is not None:
            for position, constant in enumerate(maker.inputs):
                factor = None if constant is None else _other(maker, constant)
                if constant is not None and constant.is_constant and factor is not None:
                    yield _Site(maker, position, scores, factor)


def _masks_of(operator: Operator, first: int, scores: Tensor | None) -> Iterator[_Site]:
    for position, tensor in enumerate(operator.inputs[first:], start=first):
        if tensor is None or not tensor.is_constant or (operator.kind, position) == ("SUB", 0):
            continue
        masked = _other(operator, tensor, first) or scores
        if masked is not None:
            yield _Site(operator, position, masked)


def _other(operator: Operator, tensor: Tensor | None, first: int = 0) -> Tensor | None:
    """Return what else an operator computes with, if that is no constant."""
    for one in operator.inputs[first:]:
        if one is not None and one is not tensor and not one.is_constant:
            return one
    return None


def _ranges_of_given(model: Model, observe: Observe) -> dict[Tensor, Span]:
    """Return where to cut the ranges of sums of scores and masks that are no constants."""
    pairs = list(_sums_of_two(model.main))
    seen = observe(model, list({t: None for _, pair in pairs for t in pair})) if pairs else {}
    ranges: dict[Tensor, Span] = {}
    for operator, pair in pairs:
        scores, mask = sorted(pair, key=lambda t: -seen[t].low)
        least = seen[scores].low - seen[scores].high - _MARGIN
        if seen[mask].low < min(least, -_LEAST):
            high = max(seen[mask].high, 0.0)
            ranges[mask] = (least, high)
            ranges[operator.outputs[0]] = (least + seen[scores].low, seen[scores].high + high)
    return ranges


def _sums_of_two(subgraph: Subgraph) -> Iterator[tuple[Operator, list[Tensor]]]:
    """Yield the sums that a softmax reads, with their operands, where none is a constant."""
    makers = subgraph.producers()
    waiting = [o.inputs[0] for o in subgraph.operators if o.kind == "SOFTMAX"]
    while waiting:
        tensor = waiting.pop()
        maker = None if tensor is None else makers.get(tensor)
        if maker is None:
            continue
        if maker.kind in _MEMORYLESS:
            waiting += maker.inputs[:1]
        elif maker.kind == "ADD":
            pair = [t for t in maker.inputs if t is not None and not t.is_constant]
            if len(pair) == 2:
                yield maker, pair
            waiting += pair
