"""Evaluates many pictures in as many processes as there are cores."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from pathlib import Path

from edgeseal.errors import FileError, ModelError, UsageError
from edgeseal.pictures._workers import cores
from edgeseal.watermark.evaluate._engines import sha256
from edgeseal.watermark.evaluate._evaluate_picture import Bench
from edgeseal.watermark.evaluate._evaluation_plan import EvaluationPlan
from edgeseal.watermark.evaluate._picture_record import PictureRecord
from edgeseal.watermark.evaluate._state import State

__all__ = ["Duplicate", "Evaluation", "evaluate_pictures"]


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A picture that is the same as one before it, and is counted once.

    Attributes:
        name: file name.
        original: file name of the one before.
    """

    name: str
    original: str


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What was found of every picture, in the order that they were given.

    Attributes:
        records: pictures to mark first, then those that stay unmarked.
        duplicates: pictures that were left out.
        resumed: number of records from an earlier, interrupted run.
    """

    records: tuple[PictureRecord, ...]
    duplicates: tuple[Duplicate, ...]
    resumed: int


@dataclass(frozen=True, slots=True)
class _Task:
    path: Path
    mark: bool


def evaluate_pictures(
    plan: EvaluationPlan,
    *,
    workers: int | None = None,
    state: State | None = None,
    advance: Callable[[PictureRecord], None] = lambda _: None,
) -> Evaluation:
    """Evaluate the pictures of a plan; the result does not depend on the number of workers.

    With several workers, a script that calls this needs ``if __name__ == "__main__"``.

    Args:
        plan: what to do.
        workers: processes, each with all models; as many as there are cores if None.
        state: where finished pictures are kept, and looked for.
        advance: called with each finished picture, in the order that they finish.

    Raises:
        UsageError: ``workers`` is below 1.
        ModelError: a model fails, or a worker process dies.
        FileError: the state cannot be written.
    """
    if workers is not None and workers < 1:
        raise UsageError(f"workers: expected 1 or more, got {workers}")
    tasks, duplicates = _tasks(plan)
    records: dict[_Task, PictureRecord] = {}
    for task, checksum in tasks.items():
        if state is not None and (record := state.load(checksum, mark=task.mark)) is not None:
            records[task] = replace(record, name=task.path.name)  # which may have another by now
            advance(records[task])
    resumed = len(records)
    todo = [task for task in tasks if task not in records]
    for task, record in _work(plan, todo, min(workers or cores(), max(len(todo), 1))):
        records[task] = record
        if state is not None and not record.error:
            state.save(record)
        advance(record)
    return Evaluation(tuple(records[task] for task in tasks), duplicates, resumed)


def _tasks(plan: EvaluationPlan) -> tuple[dict[_Task, str], tuple[Duplicate, ...]]:
    """Return what is to be done with the checksum of each picture, no picture twice."""
    tasks: dict[_Task, str] = {}
    first: dict[str, str] = {}
    duplicates: list[Duplicate] = []
    listed = [_Task(path, True) for path in plan.pictures]
    for task in listed + [_Task(path, False) for path in plan.unmarked]:
        try:
            checksum = sha256(task.path)
        except FileError:
            checksum = ""  # the record will say why
        if checksum and checksum in first:
            duplicates.append(Duplicate(task.path.name, first[checksum]))
            continue
        first[checksum] = task.path.name
        tasks[task] = checksum
    return tasks, tuple(duplicates)


def _work(
    plan: EvaluationPlan, tasks: list[_Task], workers: int
) -> Iterator[tuple[_Task, PictureRecord]]:
    if not tasks:
        return
    if workers == 1:
        bench = Bench(plan)
        for task in tasks:
            yield task, bench.evaluate(task.path, mark=task.mark)
        return
    # Fork would take locks of threads along that LiteRT has started.
    context = multiprocessing.get_context("spawn")
    before = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(workers, context, initializer=_start, initargs=(plan,))
    try:
        futures = {pool.submit(_evaluate, task): task for task in tasks}
        for future in as_completed(futures):
            yield futures[future], future.result()
    except BrokenProcessPool as error:
        raise ModelError(
            "a worker process died without a word: out of memory, or a crash in native code; try "
            "fewer `workers`; the pictures that are finished are kept"
        ) from error
    except BaseException:  # Ctrl-C too: pictures under way are given up
        for child in set(multiprocessing.active_children()) - before:
            child.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


_bench: Bench | None = None  # of this worker process


def _start(plan: EvaluationPlan) -> None:
    """Open the models in a worker process, which leaves Ctrl-C to its parent."""
    global _bench
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ["OMP_NUM_THREADS"] = "1"  # PyTorch's; the processes use the cores
    _bench = Bench(plan)


def _evaluate(task: _Task) -> PictureRecord:
    if _bench is None:
        raise AssertionError("the worker was not started")
    return _bench.evaluate(task.path, mark=task.mark)
