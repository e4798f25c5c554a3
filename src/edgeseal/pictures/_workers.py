"""Work on many items at the same time, with results in their order."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from edgeseal.errors import UsageError

__all__ = ["cores", "map_in_order", "suitable_workers"]

_LOOK_AHEAD = 2  # items under way for each worker
_MOST = 8  # by default: pictures under way need memory
_WEIGHTS_BYTES = 2**30  # of all workers' interpreters together, by default

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def map_in_order(
    work: Callable[[_Item], _Result],
    items: Iterable[_Item],
    *,
    workers: int,
    abandon: Callable[[], None] = lambda: None,
) -> Iterator[_Result]:
    """Map with threads, never more than a few items ahead of the reader.

    Threads, since decoding, resizing and LiteRT leave Python's lock alone: they are as fast as
    processes (``benchmarks/pipeline.py``), start at once, and share the model's file.

    Args:
        work: called for each item, by several threads.
        items: may be endless.
        workers: threads; with 1 the caller's own does the work.
        abandon: called where the reader stops early, to shorten the wait for what is under way.

    Raises:
        UsageError: at once, if there are no workers.
    """
    if workers < 1:
        raise UsageError(f"workers: expected 1 or more, got {workers}")
    if workers == 1:
        return map(work, items)
    return _map(work, items, workers, abandon)


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def suitable_workers(*, threads: int, weights_bytes: int) -> int:
    """Return how many workers suit this machine where nobody says.

    One for each processor that this process may use, at most 8, and no more than have the weights
    of their interpreters in 1 GiB together; at least one.

    Args:
        threads: threads of each worker.
        weights_bytes: memory that the weights of one interpreter need.
    """
    fitting = _WEIGHTS_BYTES // max(1, weights_bytes)
    return max(1, min(cores() // threads, _MOST, fitting))


def _map(
    work: Callable[[_Item], _Result],
    items: Iterable[_Item],
    workers: int,
    abandon: Callable[[], None],
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
    except BaseException:  # the reader stops early or is interrupted, too
        abandon()
        raise
    finally:
        pool.shutdown(cancel_futures=True)
