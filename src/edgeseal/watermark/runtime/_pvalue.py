"""How surprising are that many matching bits in a picture without the mark?"""

from __future__ import annotations

import functools
import math

from edgeseal.errors import UsageError

__all__ = ["least_matching_bits", "log10_p_value", "p_value"]


def p_value(matching_bits: int, bits: int) -> float:
    """Return P[Binomial(bits, 1/2) >= matching_bits], exact to the last digit of a float.

    This is the probability that a picture without this message agrees with it in as many bits,
    where the detector's bits are independent and fair on unmarked pictures (the usual assumption;
    measure your detector's before you rely on very small values). It becomes 0.0 only below
    5e-324, which :func:`log10_p_value` tells apart.

    Raises:
        UsageError: not 0 <= matching_bits <= bits, or bits is 0.
    """
    return _tail(matching_bits, bits) / (1 << bits)


def log10_p_value(matching_bits: int, bits: int) -> float:
    """Return the decimal logarithm of :func:`p_value`; it never underflows.

    Raises:
        UsageError: not 0 <= matching_bits <= bits, or bits is 0.
    """
    value = p_value(matching_bits, bits)
    if value > 1e-300:
        return math.log10(value)
    return math.log10(_tail(matching_bits, bits)) - bits * math.log10(2)


def least_matching_bits(bits: int, rate: float) -> int:
    """Return how many of ``bits`` must match for a p-value of at most ``rate``.

    It is one more than the message has if no number is enough.
    """
    return next((m for m in range(bits + 1) if p_value(m, bits) <= rate), bits + 1)


@functools.lru_cache(maxsize=4096)
def _tail(matching_bits: int, bits: int) -> int:
    """Count the messages of ``bits`` bits that agree in ``matching_bits`` bits or more."""
    if bits < 1 or not 0 <= matching_bits <= bits:
        raise UsageError(
            f"matching_bits: expected 0 to {bits} of at least 1 bit, got {matching_bits}"
        )
    term = total = math.comb(bits, matching_bits)
    for matches in range(matching_bits, bits):
        term = term * (bits - matches) // (matches + 1)
        total += term
    return total
