"""The search for the best file within a budget.

Errors of layers add up, nearly, because they are small and independent. So the best mixes lie on
one path, from every layer at its most precise to every layer at its smallest: of all steps down,
the one with the least error per byte saved comes first (the Lagrangian relaxation of the knapsack
problem). Points of that path are then measured exactly, on the task's own metric: a few along it,
and those that a bisection for the budget asks for.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from edgeseal.errors import UsageError
from edgeseal.tflite.quantization import Methods, Precision, Recipe, Rounding
from edgeseal.tflite.tuning._sensitivity import LayerCost
from edgeseal.tflite.tuning._trials import RecipeTrial, Trials
from edgeseal.tflite.tuning._tuned_layers import CHOICES, Layer

__all__ = ["Budget", "TuneResult", "TunedRecipe", "pareto", "search"]

_SPREAD = 5  # points of the path that are always measured
_CLEARLY = 0.9  # of the error; less of a change is not worth another path
_MIB = 2**20


@dataclass(frozen=True, slots=True)
class Budget:
    """What a file may cost; None: anything.

    Attributes:
        max_size_bytes: of the file.
        max_drop_points: of the task's score against the float model, in points of a hundred.
        max_time_ratio: processor time of a run by the float model's.

    Raises:
        UsageError: values that no file can meet, all listed.
    """

    max_size_bytes: int | None = None
    max_drop_points: float | None = None
    max_time_ratio: float | None = None

    def __post_init__(self) -> None:
        problems = []
        if self.max_size_bytes is not None and self.max_size_bytes <= 0:
            problems.append(f"size: must be more than 0, is {self.max_size_bytes / _MIB:g} MiB")
        if self.max_drop_points is not None and not 0 <= self.max_drop_points <= 100:
            problems.append(f"drop: must be 0..100 points, is {self.max_drop_points:g}")
        if self.max_time_ratio is not None and not self.max_time_ratio > 0:
            problems.append(f"time ratio: must be more than 0, is {self.max_time_ratio:g}")
        if problems:
            raise UsageError("\n  ".join(problems))


@dataclass(frozen=True, slots=True)
class TunedRecipe:
    """A recipe that was measured.

    Attributes:
        name: of a fixed recipe, or ``mix N`` for a point of the path.
        recipe: makes the file.
        trial: what was measured.
        drop_points: of the score against the float model.
        time_ratio: of processor time by the float model's.
    """

    name: str
    recipe: Recipe
    trial: RecipeTrial
    drop_points: float
    time_ratio: float


@dataclass(frozen=True, slots=True)
class TuneResult:
    """What a search came to.

    Attributes:
        float_trial: the float model.
        fixed: recipes that were given, for comparison.
        mixes: measured points of the path, from the most precise on.
        winner: the best within the budget; None if nothing is.
        shortfalls: by how much the budget is missed, one line each; empty if it is met.
    """

    float_trial: RecipeTrial
    fixed: tuple[TunedRecipe, ...]
    mixes: tuple[TunedRecipe, ...]
    winner: TunedRecipe | None
    shortfalls: tuple[str, ...]

    @property
    def front(self) -> tuple[TunedRecipe, ...]:
        """Candidates that no other beats in size and drop, the largest first."""
        return pareto([*self.fixed, *self.mixes])


def search(
    trials: Trials,
    layers: Sequence[Layer],
    costs: Sequence[LayerCost],
    base: Recipe,
    budget: Budget,
    *,
    fixed: Mapping[str, Recipe],
) -> TuneResult:
    """Find the best file within a budget.

    With a limit on the drop that is the smallest file within it; without one, the file with the
    least drop. What was measured before is not measured again, so an interrupted search goes on
    where it was.

    Args:
        trials: where models are measured.
        layers: of the model.
        costs: of the layers, from :func:`~edgeseal.tflite.tuning.measure_sensitivity`.
        base: recipe for what is not tuned, and the methods of all mixes.
        budget: what to stay within.
        fixed: recipes to compare with, by name. One of them may win.
    """
    named = [_candidate(trials, name, recipe) for name, recipe in fixed.items()]
    mixes = _explore(trials, layers, costs, base, budget, "mix")
    for label, methods in _methods(trials, base):
        variant = dataclasses.replace(base, methods=methods)
        if _helps(trials, variant, mixes, budget):
            mixes += _explore(trials, layers, costs, variant, budget, f"{label} mix")
    if budget.max_time_ratio is not None:
        quick = _quick_costs(trials, layers, costs, base, budget.max_time_ratio)
        if quick != list(costs):
            mixes += _explore(trials, layers, quick, base, budget, "quick mix")
    given, found = (tuple(one for one in some if not one.trial.refusal) for some in (named, mixes))
    candidates = (*given, *found)
    winner = _best(candidates, budget)
    shortfalls = () if winner is not None else tuple(_shortfalls(candidates, budget))
    return TuneResult(trials.float_trial, given, found, winner, shortfalls)


def _methods(trials: Trials, base: Recipe) -> Iterator[tuple[str, Methods]]:
    """Yield methods that may do better than the base recipe's, if there are pictures for them."""
    if not base.uses_calibration and not trials.is_calibrated:
        return
    if base.methods.rounding is not Rounding.GPTQ:
        yield "gptq", dataclasses.replace(base.methods, rounding=Rounding.GPTQ)
    if not base.methods.correct_bias:
        yield "bias-corrected", dataclasses.replace(base.methods, correct_bias=True)


def _helps(trials: Trials, variant: Recipe, mixes: Sequence[TunedRecipe], budget: Budget) -> bool:
    """Say whether other methods lower the error of the best mix so far."""
    runnable = [one for one in mixes if not one.trial.refusal]
    best = _best(runnable, budget)
    if best is None:
        best = min(runnable, key=lambda one: one.trial.size_bytes, default=None)
    if best is None:
        return False
    recipe = dataclasses.replace(best.recipe, methods=variant.methods)
    trial = trials.measure(recipe, f"{best.name} with other methods")
    return trial.refusal is None and trial.nmse_img < _CLEARLY * best.trial.nmse_img


def _explore(
    trials: Trials,
    layers: Sequence[Layer],
    costs: Sequence[LayerCost],
    base: Recipe,
    budget: Budget,
    label: str,
) -> list[TunedRecipe]:
    """Measure points of the path: a few along it, and those around the limits."""
    path = list(_path(layers, costs))
    last = len(path) - 1
    measured: dict[int, TunedRecipe] = {}

    def at(index: int) -> TunedRecipe:
        if index not in measured:
            recipe = base.with_layers(path[index], name="tuned")
            recipe = dataclasses.replace(recipe, summary="found by a search over layers")
            measured[index] = _candidate(trials, f"{label} {index}", recipe)
        return measured[index]

    for step in range(_SPREAD):
        at(round(step * last / (_SPREAD - 1)))
    _bisect(at, last, lambda found: _DROP.is_met(found, budget))
    if budget.max_size_bytes is not None:
        limit = budget.max_size_bytes
        _bisect(at, last, lambda found: found.trial.size_bytes > limit)
    return [measured[index] for index in sorted(measured)]


def _quick_costs(
    trials: Trials,
    layers: Sequence[Layer],
    costs: Sequence[LayerCost],
    base: Recipe,
    limit: float,
) -> list[LayerCost]:
    """Return the choices that are within a time limit even if all layers of a kind take them.

    A kernel may exist and be slow: LiteRT's INT4 convolutions are slower than float ones.
    """
    kinds = {layer.name: layer.kind for layer in layers}
    basis = {layer.name: str(layer.base) for layer in layers}
    allowed: set[tuple[str, str]] = set()
    for kind, precision in dict.fromkeys((kinds[cost.layer], cost.precision) for cost in costs):
        own = {
            cost.layer: _precision(cost)
            for cost in costs
            if kinds[cost.layer] == kind and cost.precision == precision
        }
        recipe = base.with_layers(own, name="tuned")
        if _candidate(trials, f"every {kind} {precision}", recipe).time_ratio <= limit:
            allowed.add((kind, precision))
    return [
        cost
        for cost in costs
        if (kinds[cost.layer], cost.precision) in allowed or cost.precision == basis[cost.layer]
    ]


def pareto(candidates: Sequence[TunedRecipe]) -> tuple[TunedRecipe, ...]:
    """Return the candidates that no other beats in size and drop, the largest first."""
    front: list[TunedRecipe] = []
    for one in sorted(candidates, key=lambda c: (c.trial.size_bytes, c.drop_points, c.name)):
        if not front or one.drop_points < front[-1].drop_points:
            front.append(one)
    return tuple(reversed(front))


def _path(layers: Sequence[Layer], costs: Sequence[LayerCost]) -> Iterator[dict[str, Precision]]:
    """Yield what tuned layers get, from all at their most precise to all at their smallest."""
    steps: list[tuple[float, str, Precision]] = []
    state: dict[str, Precision] = {}
    for layer in layers:
        own = [cost for cost in costs if cost.layer == layer.name]
        hull = _hull(own)
        if hull:
            state[layer.name] = _precision(hull[0])
        for before, after in itertools.pairwise(hull):
            steps.append((_price(before, after), layer.name, _precision(after)))
    yield dict(state)
    for _, name, precision in sorted(steps, key=lambda step: step[:2]):
        state[name] = precision
        yield dict(state)


def _precision(cost: LayerCost) -> Precision:
    return next(choice for choice in CHOICES if str(choice) == cost.precision)


def _hull(costs: Sequence[LayerCost]) -> list[LayerCost]:
    """Return the choices on the lower convex hull of error over size, the largest first."""
    hull: list[LayerCost] = []
    for cost in sorted(costs, key=lambda one: (-one.size_bytes, one.nmse_img)):
        while hull and cost.nmse_img <= hull[-1].nmse_img:
            hull.pop()
        if hull and cost.size_bytes == hull[-1].size_bytes:  # saves nothing and errs more
            continue
        while len(hull) > 1 and _price(hull[-1], cost) <= _price(hull[-2], hull[-1]):
            hull.pop()
        hull.append(cost)
    return hull


def _price(before: LayerCost, after: LayerCost) -> float:
    return (after.nmse_img - before.nmse_img) / (before.size_bytes - after.size_bytes)


def _bisect(
    at: Callable[[int], TunedRecipe], last: int, holds: Callable[[TunedRecipe], bool]
) -> None:
    """Measure around the last point of the path for which something holds."""
    low, high = 0, last
    if not holds(at(0)):
        return
    while high - low > 1:
        middle = (low + high) // 2
        if holds(at(middle)):
            low = middle
        else:
            high = middle


def _candidate(trials: Trials, name: str, recipe: Recipe) -> TunedRecipe:
    reference, trial = trials.float_trial, trials.measure(recipe, name)
    drop = 100 * (reference.score - trial.score)
    return TunedRecipe(name, recipe, trial, drop, trial.processor_ms / reference.processor_ms)


@dataclass(frozen=True, slots=True)
class _Limit:
    """One of a budget's limits.

    Attributes:
        limit: what a budget says; None for none.
        value: what a candidate has.
        text: how a miss is told.
    """

    limit: Callable[[Budget], float | None]
    value: Callable[[TunedRecipe], float]
    text: str

    def is_met(self, one: TunedRecipe, budget: Budget) -> bool:
        limit = self.limit(budget)
        return limit is None or self.value(one) <= limit

    def miss(self, near: Sequence[TunedRecipe], budget: Budget, where: str) -> str:
        """Say how far the nearest of some candidates is away; empty if it is not."""
        limit, best = self.limit(budget), min(near, key=self.value)
        if limit is None or self.is_met(best, budget):
            return ""
        value = self.value(best)
        return self.text.format(
            value=value, where=where, over=value - limit, limit=limit, name=best.name
        )


_DROP = _Limit(
    lambda budget: budget.max_drop_points,
    lambda one: one.drop_points,
    "drop: {value:.3g} points at least {where}, {over:.3g} more than the {limit:g} asked for "
    "({name})",
)
_SIZE = _Limit(
    lambda budget: None if budget.max_size_bytes is None else budget.max_size_bytes / _MIB,
    lambda one: one.trial.size_bytes / _MIB,
    "size: {value:.2f} MiB at least {where}, {over:.2f} more than the {limit:g} asked for ({name})",
)
_TIME = _Limit(
    lambda budget: budget.max_time_ratio,
    lambda one: one.time_ratio,
    "time: {value:.2f} of the float model's at least {where}, {over:.2f} more than the {limit:g} "
    "asked for ({name})",
)
_LIMITS = (_DROP, _SIZE, _TIME)


def _best(candidates: Sequence[TunedRecipe], budget: Budget) -> TunedRecipe | None:
    fitting = [one for one in candidates if all(limit.is_met(one, budget) for limit in _LIMITS)]
    if not fitting:
        return None
    if budget.max_drop_points is None:
        return min(fitting, key=lambda one: (one.drop_points, one.trial.size_bytes, one.name))
    return min(fitting, key=lambda one: (one.trial.size_bytes, one.drop_points, one.name))


def _shortfalls(candidates: Sequence[TunedRecipe], budget: Budget) -> Iterator[str]:
    """Say for each limit how far away the nearest candidate is.

    Candidates that meet all other limits count first; if there are none for any limit, all do.
    """
    lines = []
    for limit in _LIMITS:
        others = [other for other in _LIMITS if other is not limit]
        near = [one for one in candidates if all(other.is_met(one, budget) for other in others)]
        lines += [limit.miss(near, budget, "within the other limits")] if near else []
    if not any(lines):
        lines = [limit.miss(candidates, budget, "whatever else it costs") for limit in _LIMITS]
    yield from (line for line in lines if line)
