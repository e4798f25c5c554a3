"""Delta debugging on plain sequences."""

from __future__ import annotations

import random

import pytest

from edgeseal.tflite.reduction._delta_debugging import minimize


class Counting:
    """Shows it where everything that is needed is there; counts how often it is asked."""

    def __init__(self, *needed: int) -> None:
        self.needed = set(needed)
        self.asked = 0

    def __call__(self, part: list[int]) -> bool:
        assert part, "asked about nothing"
        self.asked += 1
        return self.needed <= set(part)


def test_single_cause_is_found_in_few_trials_when_the_sequence_is_long() -> None:
    shows = Counting(617)
    assert minimize(range(1000), shows) == [617]
    assert shows.asked <= 25


@pytest.mark.parametrize("seed", range(20))
def test_exactly_what_is_needed_is_left_when_causes_are_scattered(seed: int) -> None:
    needed = sorted(random.Random(seed).sample(range(60), 1 + seed % 6))
    assert minimize(range(60), Counting(*needed)) == needed


def test_no_item_can_be_left_out_when_trials_are_not_monotonic() -> None:
    def shows(part: list[int]) -> bool:  # an even count, or all: parts of a part may fail
        return len(part) == 37 or (len(part) % 2 == 0 and {5, 30} <= set(part))

    part = minimize(range(37), shows)
    assert shows(part)
    assert not any(shows(part[:i] + part[i + 1 :]) for i in range(len(part)) if len(part) > 1)


def test_only_item_is_left_alone_when_there_is_one() -> None:
    shows = Counting(0)
    assert minimize([0], shows) == [0]
    assert shows.asked == 0
