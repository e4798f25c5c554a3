"""Interleaved timing, by a clock that only what is timed moves."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from edgeseal.tflite.benchmark import _latency, measure_interleaved
from tflite.benchmark.engines import Clock


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(_latency, "time", made)
    return made


def lasting(clock: Clock, seconds: list[float]) -> Callable[[], None]:
    left: Iterator[float] = iter(seconds)

    def call() -> None:
        clock.now_s += next(left)

    return call


def test_candidates_take_turns_when_they_are_timed() -> None:
    calls: list[str] = []
    candidates = {name: (lambda name=name: calls.append(name)) for name in ("a", "b", "c")}
    assert list(measure_interleaved(candidates, rounds=3)) == ["a", "b", "c"]
    assert calls == ["a", "b", "c"] * 5  # two rounds to warm up


def test_warm_up_does_not_count_when_it_is_slow(clock: Clock) -> None:
    candidates = {"a": lasting(clock, [9, 9, 1, 1]), "b": lasting(clock, [50, 1, 2, 2])}
    found = measure_interleaved(candidates, rounds=2)
    assert found["a"].median_ms == pytest.approx(1000)
    assert found["b"].median_ms == pytest.approx(2000)
    assert (found["a"].ratio, found["b"].ratio) == (1, pytest.approx(2))


def test_ratio_holds_when_the_machine_is_slow_for_a_while(clock: Clock) -> None:
    slowness = [1, 1, 1, 7, 7, 7, 1]
    candidates = {
        "a": lasting(clock, [0.1 * factor for factor in slowness]),
        "b": lasting(clock, [0.3 * factor for factor in slowness]),
    }
    found = measure_interleaved(candidates, rounds=5)
    assert found["b"].ratio == pytest.approx(3)
    assert found["a"].median_ms == pytest.approx(700)


def test_failure_of_a_candidate_is_the_callers() -> None:
    def broken() -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        measure_interleaved({"a": broken}, rounds=1)
