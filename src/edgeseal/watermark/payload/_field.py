"""The finite field of 2^m elements as tables of powers and logarithms."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Field", "field"]


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """GF(2^m). An element is an integer whose bits are the coefficients of a polynomial.

    Attributes:
        order: m.
        polynomial: the primitive polynomial that products are reduced by, as an integer.
        powers: int64 [2 * (2^m - 1)], powers of the generator x; twice around, so that a sum of
            two logarithms needs no reduction.
        logarithms: int64 [2^m], the inverse; of 0 it is meaningless.
    """

    order: int
    polynomial: int
    powers: NDArray[np.int64]
    logarithms: NDArray[np.int64]

    @property
    def cycle(self) -> int:
        """Number of elements other than zero, 2^m - 1."""
        return (1 << self.order) - 1

    def scale(self, values: NDArray[np.int64], factor: int) -> NDArray[np.int64]:
        """Multiply elements with one that is not zero."""
        products = self.powers[self.logarithms[values] + self.logarithms[factor]]
        return np.where(values == 0, 0, products)

    def divide(self, dividend: int, divisor: int) -> int:
        """Divide two elements that are not zero."""
        difference = self.logarithms[dividend] - self.logarithms[divisor]
        return int(self.powers[difference % self.cycle])


@functools.lru_cache(maxsize=16)
def field(order: int) -> Field:
    """Return GF(2^order) over the smallest primitive polynomial; ``order`` is 2 or more."""
    size = 1 << order
    for polynomial in range(size + 1, 2 * size, 2):
        powers = _powers(polynomial, size)
        if len(powers) == size - 1:
            logarithms = np.zeros(size, np.int64)
            logarithms[powers] = np.arange(size - 1)
            return Field(order, polynomial, np.array(powers * 2, np.int64), logarithms)
    raise AssertionError("there is a primitive polynomial of every degree")


def _powers(polynomial: int, size: int) -> list[int]:
    """Return 1, x, x^2, ... modulo a polynomial, until 1 comes again."""
    powers, element = [1], 2
    while element != 1 and len(powers) < size:
        powers.append(element)
        element <<= 1
        if element & size:
            element ^= polynomial
    return powers
