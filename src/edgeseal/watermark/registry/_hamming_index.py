"""All of many messages within a number of errors of one, without comparing each.

Multi-index hashing (Norouzi, Punjani, Fleet 2012): messages are cut into m pieces of 16 bits, with
a table of where each value of a piece occurs. Of two messages within E = m r + a errors (a < m)
either one of the first a + 1 pieces differs in r bits at most, or one of the others in r - 1. So
the tables give a few thousand candidates of a million, which are compared.
"""

from __future__ import annotations

import functools
import itertools

import numpy as np
from numpy.typing import NDArray

__all__ = ["HammingIndex", "pack"]

_PIECE = 16  # bits
_MOST_PROBES = 4096  # of a piece; where more would be needed all messages are compared
_COUNTS = np.array([value.bit_count() for value in range(1 << _PIECE)], np.uint8)
_BLOCK = 1 << 16  # messages that are compared at a time

Words = NDArray[np.uint16]


class HammingIndex:
    """Messages of one length, in their order."""

    def __init__(self, words: Words, bits: int) -> None:
        """Sort messages into tables.

        Args:
            words: uint16 [N, pieces], as :func:`pack` makes them.
            bits: of each message.
        """
        self._words = words
        self._bits = bits
        self._tables = [_table(words[:, piece]) for piece in range(words.shape[1])]

    def find(self, word: Words, errors: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return the messages within a number of errors of one: places and errors, nearest first.

        Args:
            word: uint16 [pieces].
            errors: the most.
        """
        return compare(self._words, word, errors, self._candidates(word, errors))

    def _candidates(self, word: Words, errors: int) -> NDArray[np.intp] | None:
        """Return the places of all that may be near enough, or None for all there are."""
        radius, rest = divmod(errors, len(word))
        found: list[NDArray[np.uint32]] = []
        for piece, (starts, order) in enumerate(self._tables):
            size = min(_PIECE, self._bits - piece * _PIECE)
            near = radius if piece <= rest else radius - 1
            flips = _flips(size, near)
            if flips is None:
                return None
            values = word[piece] ^ flips
            found += (
                order[starts[value] : starts[value + 1]]
                for value in values.astype(np.intp).tolist()
            )
        return np.unique(np.concatenate(found)).astype(np.intp) if found else np.empty(0, np.intp)


def compare(
    words: Words, word: Words, errors: int, places: NDArray[np.intp] | None = None
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return which of some messages are within a number of errors of one, nearest first.

    Args:
        words: uint16 [N, pieces].
        word: uint16 [pieces].
        errors: the most.
        places: which to look at; all if None.
    """
    count = len(words) if places is None else len(places)
    kept: list[NDArray[np.intp]] = []
    distances: list[NDArray[np.intp]] = []
    for start in range(0, count, _BLOCK):
        stop = min(count, start + _BLOCK)
        block = np.arange(start, stop) if places is None else places[start:stop]
        differing = words[start:stop] if places is None else words[block]
        distance = _COUNTS[differing ^ word].sum(axis=1, dtype=np.intp)
        near = distance <= errors
        kept.append(block[near])
        distances.append(distance[near])
    found = np.concatenate(kept) if kept else np.empty(0, np.intp)
    distance = np.concatenate(distances) if distances else np.empty(0, np.intp)
    order = np.argsort(distance, kind="stable")
    return found[order], distance[order]


def pack(messages: bytes, bits: int) -> Words:
    """Return messages in pieces: uint16 [N, pieces], the first bit highest.

    Args:
        messages: of as many bytes each as hold the bits, the last filled up with zeros.
        bits: of each message.
    """
    size = -(-bits // 8)
    rows = np.frombuffer(messages, np.uint8).reshape(-1, size)
    even = np.pad(rows, ((0, 0), (0, size % 2)))
    return np.ascontiguousarray(even).view(">u2").astype(np.uint16)


def _table(values: NDArray[np.uint16]) -> tuple[NDArray[np.intp], NDArray[np.uint32]]:
    """Return where each value's places begin among all places, and these sorted by value."""
    counts = np.bincount(values, minlength=1 << _PIECE)
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.intp)
    return starts, np.argsort(values, kind="stable").astype(np.uint32)


@functools.lru_cache(maxsize=64)
def _flips(size: int, radius: int) -> NDArray[np.uint16] | None:
    """Return every value of a piece of ``size`` bits, at its high end, with ``radius`` or less set.

    None if there are too many.
    """
    found: list[int] = []
    for count in range(radius + 1):
        for bits in itertools.combinations(range(_PIECE - size, _PIECE), count):
            found.append(sum(1 << bit for bit in bits))
            if len(found) > _MOST_PROBES:
                return None
    return np.array(found, np.uint16)
