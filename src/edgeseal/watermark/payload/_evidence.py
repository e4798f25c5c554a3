"""How surprising is a code word this near, if nothing was embedded?

The bits of a code word are flipped with a fixed pseudo-random mask before they are embedded. So for
an unmarked picture, whatever its logits are, the read word is uniformly random with respect to the
code: exactly, averaged over masks. Both probabilities below follow from that alone, however a code
word was searched for: they bound the chance that *any* of the valid words is as near.
"""

from __future__ import annotations

import functools
import math

import numpy as np
from numpy.typing import NDArray

__all__ = ["log2_ball", "log2_p_hard", "log2_p_soft"]

_GRID = 16384  # steps that all weights together have at most
_FINEST = 64  # steps of an average weight
_HOPELESS = 0.4  # share of the weight from which on nothing is worth computing
_LARGE = 1e200


@functools.lru_cache(maxsize=4096)
def log2_ball(length: int, radius: int) -> float:
    """Return the logarithm of the number of words within ``radius`` errors of one."""
    term = total = 1
    for errors in range(1, min(radius, length) + 1):
        term = term * (length - errors + 1) // errors
        total += term
    return math.log2(total)


def log2_p_hard(errors: int, length: int, payload_bits: int) -> float:
    """Bound the chance that one of 2^payload_bits words is within ``errors`` of a random word."""
    return payload_bits + log2_ball(length, errors) - length


def log2_p_soft(weights: NDArray[np.float64], wrong: NDArray[np.bool_], payload_bits: int) -> float:
    """Bound the chance that one of the words disagrees with so little of the weight.

    The sum of the weights of random bits is convolved on a grid. Weights are rounded down there,
    which makes small sums more likely: the result is never below the truth.

    Args:
        weights: [length], 0 or more: how sure the detector is of each bit.
        wrong: [length], where the code word disagrees with what was read.
        payload_bits: logarithm of the number of valid words.
    """
    total, length = float(weights.sum()), len(weights)
    if weights[wrong].sum() >= _HOPELESS * total:
        return 0.0
    scaled = weights * (min(_FINEST * length, _GRID) / total)
    limit = int(np.floor(scaled[wrong].sum()))
    chances = np.zeros(limit + 1)
    chances[0] = 1.0
    exponent = 0
    for step in np.floor(scaled).astype(np.int64).tolist():
        if step > limit:
            continue  # if that bit were wrong, the sum would be too large
        chances[step:] += chances[: limit + 1 - step].copy()
        if chances.max() > _LARGE:
            chances *= 2.0**-600
            exponent += 600
    return payload_bits + math.log2(float(chances.sum())) + exponent - length
