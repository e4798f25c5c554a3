"""What is made of the runs of several engines, without a clock or a process."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeseal.tflite.benchmark import EngineMeasurement, _interleaved
from edgeseal.tflite.benchmark._engine_worker import EngineFailureError, Loaded, Timed

TIMES = st.lists(st.floats(0.5, 50), min_size=3, max_size=12)


@dataclass(frozen=True)
class Scripted:
    """An engine that takes as long as it is told, and fails when it is told."""

    model: str
    wall_ms: tuple[float, ...]
    fails_in: str = ""
    name: str = "scripted"
    size_bytes: int | None = 7
    asked: list[str] = field(default_factory=list)


class ScriptedWorker:
    """Answers for an engine as its process would."""

    def __init__(self, engine: Scripted, inputs: list[Any], *, timeout_s: float) -> None:
        self.engine = engine

    def __enter__(self) -> ScriptedWorker:
        return self

    def __exit__(self, *_: object) -> None:
        self.engine.asked.append("close")

    def _answer(self, request: str, answer: Any) -> Any:
        self.engine.asked.append(request)
        if request == self.engine.fails_in:
            raise EngineFailureError(f"{request} fails")
        return answer

    def load(self) -> Loaded:
        return self._answer("load", Loaded(11.0, 12.0))

    def run(self, index: int) -> Timed:
        wall = (1e9, 1e9, *self.engine.wall_ms)[index]  # warming up takes for ever
        return self._answer(f"run {index}", Timed(wall, wall / 2))

    def sustained(self, seconds: float) -> float:
        turn = sum(request == "sustained" for request in self.engine.asked)
        return self._answer("sustained", (5.0, 100.0, 6.0)[turn % 3])

    def outputs(self) -> Any:
        return self._answer("outputs", np.zeros((2, 3), np.float32))

    def peak_memory_bytes(self) -> int | None:
        return self._answer("peak", 99)


def measured(*engines: Scripted) -> list[EngineMeasurement]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_interleaved, "Worker", ScriptedWorker)
        inputs = [[] for _ in engines]
        return _interleaved.bench(engines, inputs, rounds=len(engines[0].wall_ms))


@settings(max_examples=40)
@given(st.data())
def test_figures_are_numpys_of_the_counted_rounds(data: st.DataObject) -> None:
    first = data.draw(TIMES)
    size = len(first)
    second = data.draw(st.lists(st.floats(0.5, 50), min_size=size, max_size=size))
    reference, other = measured(Scripted("a", tuple(first)), Scripted("b", tuple(second)))
    assert reference.timings is not None
    assert other.timings is not None
    assert reference.timings.ratio == 1
    assert other.timings.ratio == pytest.approx(np.median(np.divide(second, first)))
    assert other.timings.median_ms == pytest.approx(np.median(second))
    assert other.timings.p90_ms == pytest.approx(np.quantile(second, 0.9))
    assert other.timings.processor_ms == pytest.approx(np.median(second) / 2)
    assert (other.timings.load_ms, other.timings.first_run_ms) == (11, 12)
    assert other.timings.runs_per_s == 6  # the median of three turns
    assert other.timings.peak_memory_bytes == 99


@pytest.mark.parametrize("fails_in", ["load", "run 0", "run 3", "sustained", "outputs", "peak"])
def test_first_that_runs_is_the_reference_when_another_fails(fails_in: str) -> None:
    broken = Scripted("a", (1.0, 1.0), fails_in)
    failed, second, third = measured(broken, Scripted("b", (2.0, 4.0)), Scripted("c", (6.0, 4.0)))
    assert (failed.failure, failed.timings, failed.outputs) == (f"{fails_in} fails", None, None)
    assert (failed.model, failed.engine, failed.size_bytes) == ("a", "scripted", 7)
    assert second.timings is not None
    assert third.timings is not None
    assert (second.timings.ratio, third.timings.ratio) == (1, 2)
    assert broken.asked[-2:] == [fails_in, "close"]  # it takes no more part, and is closed


def test_engines_take_turns_from_round_to_round() -> None:
    log: list[str] = []
    engines = [Scripted(name, (1.0, 1.0), asked=log) for name in "ab"]
    measured(*engines)
    runs = [request for request in log if request.startswith("run")]
    assert runs == [f"run {number}" for number in range(4) for _ in engines]


def test_nothing_is_made_up_when_no_engine_runs() -> None:
    found = measured(Scripted("a", (1.0,), "load"), Scripted("b", (1.0,), "outputs"))
    assert [one.failure for one in found] == ["load fails", "outputs fails"]
    assert all(one.timings is None and one.outputs is None for one in found)
