"""Many at a time: in order, a few ahead, and stopped when the reader stops."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from itertools import count, islice

import pytest

from edgeseal.errors import UsageError
from edgeseal.pictures import map_in_order
from edgeseal.pictures._workers import suitable_workers


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_results_are_in_order_when_early_items_finish_last(workers: int) -> None:
    finished = [threading.Event() for _ in range(6)]

    def work(item: int) -> int:
        if workers > 1 and item % 2 == 0 and item + 1 < len(finished):
            finished[item + 1].wait(timeout=10)  # the next one overtakes it
        finished[item].set()
        return item * item

    assert list(map_in_order(work, range(6), workers=workers)) == [i * i for i in range(6)]


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_few_items_are_taken_ahead_when_the_reader_is_slow(workers: int) -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for item in count():  # endless
            taken.append(item)
            yield item

    results = map_in_order(lambda item: -item, items(), workers=workers)
    assert list(islice(results, 3)) == [0, -1, -2]
    assert len(taken) <= 3 + 2 * workers
    if workers > 1:
        results.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize("workers", [1, 3])
def test_error_comes_in_its_place_when_an_item_fails(workers: int) -> None:
    def work(item: int) -> int:
        if item == 2:
            raise KeyError("third")
        return item

    results = map_in_order(work, range(9), workers=workers)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(KeyError, match="third"):
        next(results)


def test_waiting_items_are_dropped_when_the_reader_stops() -> None:
    started: list[int] = []
    release = threading.Event()

    def work(item: int) -> int:
        started.append(item)
        if item:
            release.wait(timeout=10)
        return item

    results = map_in_order(work, range(100), workers=2)
    assert next(results) == 0
    release.set()
    results.close()  # type: ignore[attr-defined]
    assert len(started) <= 5


def test_nothing_comes_when_there_are_no_items() -> None:
    for workers in (1, 4):
        assert list(map_in_order(str, [], workers=workers)) == []


@pytest.mark.parametrize("workers", [0, -3])
def test_workers_are_refused_at_once_when_below_one(workers: int) -> None:
    with pytest.raises(UsageError, match=f"workers: expected 1 or more, got {workers}"):
        map_in_order(str, [], workers=workers)


@pytest.mark.parametrize(
    ("processors", "threads", "weights_mib", "expected"),
    [
        (1, 1, 10, 1), (4, 1, 10, 4), (64, 1, 10, 8), (8, 2, 10, 4), (3, 4, 10, 1),
        (64, 1, 512, 2), (64, 1, 1025, 1), (64, 1, 128, 8), (64, 1, 0, 8),
    ],
)  # fmt: skip
def test_workers_fit_processors_and_memory_when_nobody_says(
    processors: int,
    threads: int,
    weights_mib: int,
    expected: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(processors)), raising=False)
    found = suitable_workers(threads=threads, weights_bytes=weights_mib << 20)
    assert found == expected
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: processors)
    assert suitable_workers(threads=threads, weights_bytes=weights_mib << 20) == expected
