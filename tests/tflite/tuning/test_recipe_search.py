"""The search's parts by brute force: hulls, paths, bisection, limits and shortfalls."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeseal.errors import UsageError
from edgeseal.tflite.quantization import Activations, Precision, WeightType, find_recipe
from edgeseal.tflite.tuning._recipe_search import (
    Budget,
    TunedRecipe,
    TuneResult,
    _best,
    _bisect,
    _hull,
    _path,
    _shortfalls,
    pareto,
)
from edgeseal.tflite.tuning._sensitivity import LayerCost, _gain
from edgeseal.tflite.tuning._trials import RecipeTrial
from edgeseal.tflite.tuning._tuned_layers import CHOICES, Layer

INT8 = Precision(WeightType.INT8, Activations.DYNAMIC)
RECIPE = find_recipe("dynamic-int8")


def cost(layer: str, choice: Precision, size: int, error: float) -> LayerCost:
    return LayerCost(layer, "CONV_2D", 10, str(choice), size, 40 - size, error, error, True)


def layer(name: str) -> Layer:
    return Layer(name, "CONV_2D", 10, 2, 100, INT8, {"int4": 1.0, "int8": 0.1, "float16": 0.0})


def tuned(
    name: str, size: int, drop: float, ratio: float = 1.0, refusal: str | None = None
) -> TunedRecipe:
    return TunedRecipe(name, RECIPE, RecipeTrial(size, drop, 1.0, 1.0, refusal), drop, ratio)


COSTS = st.lists(
    st.tuples(st.integers(1, 50), st.floats(0, 9).map(lambda error: round(error, 2))),
    min_size=1, max_size=8,
)  # fmt: skip


@given(COSTS)
@settings(max_examples=80)
def test_hull_has_the_best_choice_for_every_price_when_compared_with_all(
    points: list[tuple[int, float]],
) -> None:
    """Oracle: for a price per byte, the least of error + price * size is on the lower hull."""
    costs = [cost("a", INT8, size, error) for size, error in points]
    hull = _hull(costs)
    assert [one.size_bytes for one in hull] == sorted((c.size_bytes for c in hull), reverse=True)
    assert [one.nmse_img for one in hull] == sorted(one.nmse_img for one in hull)
    for price in (1e-4, 0.01, 0.1, 0.5, 2.0, 50.0):
        best, own = (
            min(one.nmse_img + price * one.size_bytes for one in some) for some in (costs, hull)
        )
        assert own == pytest.approx(best)
    slopes = [
        (b.nmse_img - a.nmse_img) / (a.size_bytes - b.size_bytes)
        for a, b in itertools.pairwise(hull)
    ]
    assert all(one < other for one, other in itertools.pairwise(slopes))  # convex


def test_hull_is_empty_when_there_is_no_choice() -> None:
    assert _hull([]) == []


def random_costs(seed: int, count: int) -> tuple[list[Layer], list[LayerCost]]:
    rng = np.random.default_rng(seed)
    layers = [layer(f"layer {index}") for index in range(count)]
    costs = []
    for one in layers:
        sizes = np.sort(rng.integers(1, 100, len(CHOICES)))
        errors = np.sort(rng.random(len(CHOICES)))[::-1]
        costs += [
            cost(one.name, choice, int(size), float(error))
            for choice, size, error in zip(CHOICES, sizes, errors, strict=True)
        ]
    return layers, costs


@pytest.mark.parametrize("seed", range(6))
def test_no_mix_beats_a_point_of_the_path_when_all_are_tried(seed: int) -> None:
    """A point of the path is the best mix of its size, as the knapsack's relaxation promises."""
    layers, costs = random_costs(seed, 4)
    known = {(one.layer, one.precision): one for one in costs}
    mixes = [
        (sum(one.size_bytes for one in mix), sum(one.nmse_img for one in mix))
        for mix in itertools.product(
            *([known[own.name, str(choice)] for choice in CHOICES] for own in layers)
        )
    ]
    path = list(_path(layers, costs))
    sizes = []
    for point in path:
        own = [known[name, str(precision)] for name, precision in point.items()]
        size, error = sum(one.size_bytes for one in own), sum(one.nmse_img for one in own)
        sizes.append(size)
        assert error <= min(e for s, e in mixes if s <= size) + 1e-9
    assert sizes == sorted(sizes, reverse=True)
    assert all(set(point) == {own.name for own in layers} for point in path)


def test_path_is_the_same_when_costs_come_in_another_order() -> None:
    layers, costs = random_costs(1, 5)
    assert list(_path(layers, costs)) == list(_path(layers, costs[::-1]))


def test_layer_without_choices_is_left_out_of_the_path() -> None:
    layers, costs = random_costs(2, 3)
    path = list(_path([*layers, layer("bare")], costs))
    assert all("bare" not in point for point in path)


@pytest.mark.parametrize("last", [1, 2, 7, 64])
def test_bisection_measures_both_sides_of_every_limit(last: int) -> None:
    for limit in range(last):
        seen: list[int] = []

        def at(index: int, seen: list[int] = seen) -> TunedRecipe:
            seen.append(index)
            return tuned(str(index), index, 0.0)

        _bisect(at, last, lambda found, limit=limit: found.trial.size_bytes <= limit)
        assert limit in seen or limit == 0
        assert limit + 1 in seen or limit + 1 == last
        assert len(seen) <= 2 + last.bit_length()


def test_bisection_stops_at_once_when_nothing_holds() -> None:
    seen: list[int] = []
    _bisect(lambda index: seen.append(index) or tuned("x", 1, 0), 9, lambda found: False)
    assert seen == [0]


CANDIDATES = st.lists(
    st.tuples(st.integers(1, 20), st.integers(-2, 10), st.integers(1, 5)), min_size=1, max_size=12
)


@given(CANDIDATES)
@settings(max_examples=50)
def test_front_is_what_no_other_beats_when_compared_with_all(
    points: list[tuple[int, int, int]],
) -> None:
    some = [tuned(str(index), size, drop) for index, (size, drop, _) in enumerate(points)]
    front = pareto(some)

    def beats(one: TunedRecipe, other: TunedRecipe) -> bool:
        mine = (one.trial.size_bytes, one.drop_points)
        theirs = (other.trial.size_bytes, other.drop_points)
        return mine != theirs and all(a <= b for a, b in zip(mine, theirs, strict=True))

    unbeaten = {
        (one.trial.size_bytes, one.drop_points)
        for one in some
        if not any(beats(other, one) for other in some)
    }
    assert [(one.trial.size_bytes, one.drop_points) for one in front] == sorted(unbeaten)[::-1]


@given(
    CANDIDATES,
    st.one_of(st.none(), st.integers(1, 20)),
    st.one_of(st.none(), st.integers(0, 10)),
    st.one_of(st.none(), st.integers(1, 5)),
)
@settings(max_examples=60)
def test_winner_is_the_best_within_the_budget_when_compared_with_all(
    points: list[tuple[int, int, int]], size: int | None, drop: int | None, ratio: int | None
) -> None:
    some = [tuned(str(i), s, d, r) for i, (s, d, r) in enumerate(points)]
    budget = Budget(size, drop, ratio)
    fitting = [
        one for one in some
        if (size is None or one.trial.size_bytes <= size)
        and (drop is None or one.drop_points <= drop)
        and (ratio is None or one.time_ratio <= ratio)
    ]  # fmt: skip
    best = _best(some, budget)
    assert (best is None) is (not fitting)
    if best is not None:
        assert best in fitting
        measure = (
            (lambda one: one.drop_points) if drop is None else (lambda one: one.trial.size_bytes)
        )
        assert measure(best) == min(map(measure, fitting))
    else:
        lines = list(_shortfalls(some, budget))
        assert lines  # some limit is always named
        assert all(line.split(":")[0] in ("size", "drop", "time") for line in lines)


def test_shortfall_is_within_the_other_limits_when_a_candidate_meets_them() -> None:
    some = [tuned("small", 2 << 20, 9), tuned("large", 5 << 20, 1)]
    (line,) = _shortfalls(
        some, Budget(max_size_bytes=3 << 20, max_drop_points=None, max_time_ratio=0.5)
    )
    assert line.startswith("time: 1.00 of the float model's at least within the other limits")
    lines = list(_shortfalls(some, Budget(3 << 20, 2.0)))
    assert lines == [
        "drop: 9 points at least within the other limits, 7 more than the 2 asked for (small)",
        "size: 5.00 MiB at least within the other limits, 2.00 more than the 3 asked for (large)",
    ]


def test_shortfalls_count_all_candidates_when_none_meets_the_other_limits() -> None:
    lines = list(_shortfalls([tuned("one", 5_000_000, 9, 3.0)], Budget(1_000_000, 2.0, 0.5)))
    assert [line.split(":")[0] for line in lines] == ["drop", "size", "time"]
    assert all("whatever else it costs" in line for line in lines)


@pytest.mark.parametrize(
    ("budget", "words"),
    [
        ({"max_size_bytes": 0}, "size: must be more than 0, is 0 MiB"),
        ({"max_drop_points": -0.1}, r"drop: must be 0\.\.100 points, is -0.1"),
        ({"max_drop_points": 101}, r"drop: must be 0\.\.100 points, is 101"),
        ({"max_drop_points": float("nan")}, r"drop: must be 0\.\.100 points, is nan"),
        ({"max_time_ratio": 0}, "time ratio: must be more than 0, is 0"),
        ({"max_time_ratio": float("nan")}, "time ratio: must be more than 0, is nan"),
    ],
)
def test_budget_is_refused_when_no_file_can_meet_it(budget: dict[str, float], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        Budget(**budget)


def test_front_has_fixed_recipes_and_mixes_when_both_are_good() -> None:
    fixed, mixes = (tuned("a", 9, 0),), (tuned("b", 5, 1), tuned("c", 6, 2))
    found = TuneResult(fixed[0].trial, fixed, mixes, None, ())
    assert [one.name for one in found.front] == ["a", "b"]


def test_gain_is_that_of_the_coarsest_that_ran_when_one_was_refused() -> None:
    int4, int8 = CHOICES[0], CHOICES[1]
    refused = dataclasses.replace(cost("a", int4, 5, float("inf")), own_nsr=1.0)
    ran = dataclasses.replace(cost("a", int8, 10, 0.5), own_nsr=0.25)
    assert _gain({int4: refused, int8: ran}) == 2
    assert _gain({int4: refused}) is None
    assert _gain({}) is None
