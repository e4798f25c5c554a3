"""Searching near code words with what the detector is sure of.

Ordered-statistics decoding (Fossorier, Lin 1995): the most reliable bits that determine a code word
are taken as read, then with up to three of them flipped. All pairs, and for each bit all triples
with it, are one matrix product.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["nearest"]

_TRIPLES_UP_TO = 96  # payload bits; beyond, they would take seconds


def nearest(
    generator: NDArray[np.uint8], word: NDArray[np.uint8], weights: NDArray[np.float64]
) -> NDArray[np.uint8]:
    """Return the code word found that disagrees with the least weight.

    Args:
        generator: uint8 [k, n], rows that span the code, independent.
        word: uint8 [n], the bits as read.
        weights: [n], 0 or more.
    """
    rows, basis = _reduce(generator, np.argsort(-weights, kind="stable"))
    start = word[basis].astype(np.int64) @ rows % 2
    # Signs: agreement of the code word is sum(weight * sign of error * sign of flips).
    signs = 1.0 - 2.0 * rows.astype(np.float64)
    agreement = weights * (1.0 - 2.0 * (start ^ word))
    flips = _best_flips(signs, agreement)
    for flip in flips:
        start = start ^ rows[flip]
    return start.astype(np.uint8)


def _best_flips(signs: NDArray[np.float64], agreement: NDArray[np.float64]) -> list[int]:
    """Return which of the rows, at most three, to add for the largest agreement."""
    best, found = float(agreement.sum()), list[int]()
    singles = signs @ agreement
    if singles.max() > best:
        best, found = float(singles.max()), [int(singles.argmax())]
    pairs = (signs * agreement) @ signs.T
    if (top := float(pairs.max())) > best:  # a row with itself cancels: no flip
        best, found = top, _place(pairs)
    if len(signs) > _TRIPLES_UP_TO:
        return found
    for first in range(len(signs)):
        flipped = signs[first:]
        triples = (flipped * (agreement * signs[first])) @ flipped.T
        if (top := float(triples.max())) > best:
            best, found = top, [first, *(first + other for other in _place(triples))]
    return found


def _place(values: NDArray[np.float64]) -> list[int]:
    return [int(index) for index in np.unravel_index(int(values.argmax()), values.shape)]


def _reduce(
    generator: NDArray[np.uint8], order: NDArray[np.int64]
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return equal rows with unit columns at the first independent places of an order."""
    packed = np.packbits(generator[:, order], axis=1)
    basis: list[int] = []
    for place in range(len(order)):
        row = len(basis)
        if row == len(generator):
            break
        column = packed[:, place // 8] >> (7 - place % 8) & 1
        candidates = np.flatnonzero(column[row:])
        if len(candidates) == 0:
            continue
        pivot = row + int(candidates[0])
        packed[[row, pivot]] = packed[[pivot, row]]
        column[[row, pivot]] = column[[pivot, row]]
        column[row] = 0
        packed[column == 1] ^= packed[row]
        basis.append(place)
    reduced = np.empty_like(generator)
    reduced[:, order] = np.unpackbits(packed, axis=1, count=generator.shape[1])
    return reduced, order[basis]
