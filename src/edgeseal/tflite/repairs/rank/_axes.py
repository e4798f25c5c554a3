"""Arithmetic on shapes: which axes can be taken together, and permutations in few axes."""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

__all__ = [
    "MAX_RANK",
    "PermuteStep",
    "Shape",
    "broadcast_patterns",
    "group_sizes",
    "merge_runs",
    "permute_steps",
    "squeeze_leading",
]

MAX_RANK = 4
"""What NPU and GPU delegates take."""

Shape = tuple[int, ...]


def merge_runs(labels: Sequence[Hashable]) -> list[list[int]]:
    """Group neighbouring axes with equal labels.

    Args:
        labels: one for each axis; axes labelled None are left out and separate nothing.
    """
    groups: list[list[int]] = []
    last: Hashable = None
    for axis, label in enumerate(labels):
        if label is None:
            continue
        if groups and label == last:
            groups[-1].append(axis)
        else:
            groups.append([axis])
        last = label
    return groups


def broadcast_patterns(operands: Sequence[Shape], result: Shape) -> list[tuple[bool, ...] | None]:
    """Say for each axis of ``result`` which operands are broadcast along it.

    Returns:
        A pattern for each axis; None for those of size 1, which need no broadcasting.
    """
    padded = [(1,) * (len(result) - len(shape)) + shape for shape in operands]
    patterns = zip(*([size == 1 for size in shape] for shape in padded), strict=True)
    return [None if size == 1 else pattern for size, pattern in zip(result, patterns, strict=True)]


def group_sizes(shape: Shape, groups: Iterable[Sequence[int]]) -> Shape:
    """Return the shape with each group of axes taken together."""
    return tuple(math.prod(shape[axis] for axis in group) for group in groups)


def squeeze_leading(shape: Shape) -> Shape:
    """Drop leading axes of size 1, which broadcasting adds by itself."""
    return tuple(itertools.dropwhile(lambda size: size == 1, shape))


@dataclass(frozen=True, slots=True)
class PermuteStep:
    """A permutation of few axes.

    Attributes:
        shape: to give the values before.
        order: for each axis of the result, that of ``shape``.
    """

    shape: Shape
    order: tuple[int, ...]


def permute_steps(shape: Shape, order: Sequence[int]) -> list[PermuteStep]:
    """Write a permutation as few permutations of at most :data:`MAX_RANK` axes.

    Args:
        shape: of the values.
        order: for each axis of the result, that of ``shape``.
    """
    moved = [axis for axis in order if shape[axis] != 1]
    runs = _ascending_runs(moved)
    by_source = sorted(range(len(runs)), key=lambda i: runs[i][0])
    sizes = [math.prod(shape[axis] for axis in runs[i]) for i in by_source]
    target = tuple(by_source.index(i) for i in range(len(runs)))
    return list(_with_shapes(sizes, _moves(target)))


def _ascending_runs(order: Sequence[int]) -> list[list[int]]:
    """Split a permutation where neighbours are not neighbours before."""
    ranks = {axis: position for position, axis in enumerate(sorted(order))}
    runs: list[list[int]] = []
    for axis in order:
        if runs and ranks[axis] == ranks[runs[-1][-1]] + 1:
            runs[-1].append(axis)
        else:
            runs.append([axis])
    return runs


Order = tuple[int, ...]
Move = tuple[tuple[Order, ...], Order]  # blocks of axes, and their new order


def _with_shapes(sizes: Sequence[int], moves: Sequence[Move]) -> Iterator[PermuteStep]:
    for blocks, order in moves:
        yield PermuteStep(tuple(math.prod(sizes[i] for i in block) for block in blocks), order)


@lru_cache(maxsize=1024)
def _moves(target: Order) -> tuple[Move, ...]:
    """Find the fewest moves of at most four blocks that bring 0, 1, 2... into ``target``.

    A* with the number of places where neighbours have to be parted or joined: a move of four
    blocks mends five of them at most.
    """
    start = tuple(range(len(target)))
    joined = set(zip((-1, *target), (*target, len(target)), strict=True))

    def rest(state: Order) -> int:
        gaps = sum(p not in joined for p in zip((-1, *state), (*state, len(state)), strict=True))
        return -(-gaps // (MAX_RANK + 1))

    counter = itertools.count()  # so that the heap never compares paths
    heap: list[tuple[int, int, Order, tuple[Move, ...]]] = [(rest(start), 0, start, ())]
    seen: dict[Order, int] = {start: 0}
    while True:
        _, _, state, path = heapq.heappop(heap)
        if state == target:
            return path
        for move in _block_moves(state):
            following = tuple(axis for i in move[1] for axis in move[0][i])
            cost = len(path) + 1
            if seen.get(following, cost + 1) > cost:
                seen[following] = cost
                entry = (cost + rest(following), next(counter), following, (*path, move))
                heapq.heappush(heap, entry)


def _block_moves(state: Order) -> Iterator[Move]:
    """Part the axes into up to four blocks in every way, and permute the blocks in every way.

    Moves that leave the last axes in place come first: they copy long runs.
    """
    orders = {
        count: sorted(itertools.permutations(range(count)), key=lambda order: -order[-1])
        for count in range(2, min(MAX_RANK, len(state)) + 1)
    }
    for count, permutations in orders.items():
        for cuts in itertools.combinations(range(1, len(state)), count - 1):
            bounds = (0, *cuts, len(state))
            blocks = tuple(state[a:b] for a, b in itertools.pairwise(bounds))
            for order in permutations:
                if all(b != a + 1 for a, b in itertools.pairwise(order)):  # else fewer blocks do
                    yield blocks, order
