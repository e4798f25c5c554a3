"""Work on many items at the same time, with results in their order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from edgeseal.errors import UsageError

__all__ = ["map_in_order"]

_LOOK_AHEAD = 2  # items under way for each worker

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def map_in_order(
    work: Callable[[_Item], _Result], items: Iterable[_Item], *, workers: int
) -> Iterator[_Result]:
    """Map with threads, never more than a few items ahead of the reader.

    Threads, since decoding, resizing and LiteRT leave Python's lock alone: they are as fast as
    processes (``benchmarks/pipeline.py``), start at once, and share the model's file.

    Args:
        work: called for each item, by several threads.
        items: may be endless.
        workers: threads; with 1 the caller's own does the work.

    Raises:
        UsageError: at once, if there are no workers.
    """
    if workers < 1:
        raise UsageError(f"workers: expected 1 or more, got {workers}")
    if workers == 1:
        return map(work, items)
    return _map(work, items, workers)


def _map(
    work: Callable[[_Item], _Result], items: Iterable[_Item], workers: int
) -> Iterator[_Result]:
    pool = ThreadPoolExecutor(workers, thread_name_prefix="edgeseal")
    pending: deque[Future[_Result]] = deque()
    try:
        for item in items:
            pending.append(pool.submit(work, item))
            if len(pending) >= _LOOK_AHEAD * workers:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:  # also when the reader stops early or is interrupted
        pool.shutdown(cancel_futures=True)
