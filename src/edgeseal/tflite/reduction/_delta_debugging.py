"""Delta debugging: a small part of a sequence that still shows something."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

__all__ = ["minimize"]

Item = TypeVar("Item")
Shows = Callable[[list[Item]], bool]


def minimize(items: Sequence[Item], shows: Shows[Item]) -> list[Item]:
    """Return a part of ``items``, in order, that shows it while none with one item less does.

    Ends are cut off by bisection first, which takes few trials where the cause is in one place;
    then ever smaller chunks are dropped wherever that is possible.

    Args:
        items: a sequence that shows it.
        shows: whether a part does; it is never asked about the empty one.
    """
    part = list(items)
    part = part[: _least(len(part), lambda size: shows(part[:size]))]
    part = part[len(part) - _least(len(part), lambda size: shows(part[-size:])) :]
    chunk = len(part) // 2
    while chunk:
        before = len(part)
        part = _without_chunks(part, chunk, shows)
        if chunk > 1 or len(part) == before:  # single ones until none can go
            chunk //= 2
        chunk = min(chunk, len(part) // 2)
    return part


def _least(size: int, is_enough: Callable[[int], bool]) -> int:
    """Return a size that is enough, the least if every larger one is too; ``size`` is."""
    too_small, enough = 0, size
    while enough - too_small > 1:
        middle = (too_small + enough) // 2
        if is_enough(middle):
            enough = middle
        else:
            too_small = middle
    return enough


def _without_chunks(part: list[Item], chunk: int, shows: Shows[Item]) -> list[Item]:
    start = 0
    while start < len(part):
        rest = part[:start] + part[start + chunk :]
        if rest and shows(rest):
            part = rest
        else:
            start += chunk
    return part
