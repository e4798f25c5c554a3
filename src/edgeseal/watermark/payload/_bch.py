"""Binary BCH codes of any length: encoding, and decoding up to a guaranteed number of errors.

Narrow-sense primitive codes of length 2^m - 1 (Bose, Ray-Chaudhuri 1960; Hocquenghem 1959),
shortened to the length that is wanted. A length of exactly 2^m is one of 2^m - 1 with a parity
bit, which costs less than shortening a code of twice the length. Decoding is Berlekamp and Massey's
for the error locator and Chien's search for its roots.
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from edgeseal.watermark.payload._field import Field, field

__all__ = ["BCH", "bch"]


class BCH:
    """A code of ``length`` bits that corrects any ``errors`` of them.

    A word is uint8 [length], 0 or 1: first the data, then the checks.
    """

    def __init__(self, length: int, errors: int) -> None:
        """Build the code; :func:`bch` keeps those that were built."""
        self.length = length
        self.errors = errors
        order = max(3, (length - 1).bit_length())
        self.field: Field = field(order)
        self._has_parity = length == 1 << order
        self._cyclic_length = length - self._has_parity
        self.generator = _generator(self.field, errors)
        self.data_bits = self._cyclic_length - (self.generator.bit_length() - 1)

    def encode(self, data: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Append the checks to uint8 [data_bits]."""
        checks = self.generator.bit_length() - 1
        shifted = int("0" + "".join(map(str, data.tolist())), 2) << checks
        word = shifted ^ _remainder(shifted, self.generator)
        bits = [int(bit) for bit in f"{word:0{self._cyclic_length}b}"]
        return np.array(bits + [sum(bits) % 2] * self._has_parity, np.uint8)

    def decode(self, word: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
        """Return the code word within ``errors`` of a word, or None if there is none.

        With a parity bit it may return one that is farther by that bit.
        """
        cyclic = word[: self._cyclic_length].copy()
        syndromes = self._syndromes(cyclic)
        if any(syndromes):
            places = self._places(self._locator(syndromes))
            if places is None:
                return None
            cyclic[places] ^= 1
        parity = np.full(int(self._has_parity), cyclic.sum() % 2, np.uint8)
        return np.concatenate([cyclic, parity])

    def _syndromes(self, cyclic: NDArray[np.uint8]) -> list[int]:
        """Return the word's polynomial at x, x^2, ..., x^(2 errors); all zero for a code word."""
        exponents = self._cyclic_length - 1 - np.flatnonzero(cyclic)
        roots = np.arange(1, 2 * self.errors + 1)
        values = self.field.powers[np.outer(roots, exponents) % self.field.cycle]
        sums: list[int] = np.bitwise_xor.reduce(values, axis=1).tolist()
        return sums

    def _locator(self, syndromes: list[int]) -> NDArray[np.int64]:
        """Return the shortest polynomial that generates the syndromes, lowest power first."""
        gf, size = self.field, 2 * self.errors + 2
        locator, previous = np.zeros((2, size), np.int64)
        locator[0] = previous[0] = 1
        degree, gap, last = 0, 1, 1
        reverse = np.array(syndromes[::-1], np.int64)
        for step in range(len(syndromes)):
            window = reverse[len(reverse) - 1 - step :][: degree + 1]
            factors = locator[: len(window)]
            products = gf.powers[gf.logarithms[factors] + gf.logarithms[window]]
            used = (factors != 0) & (window != 0)
            discrepancy = int(np.bitwise_xor.reduce(np.where(used, products, 0)))
            if discrepancy == 0:
                gap += 1
                continue
            change = np.zeros(size, np.int64)
            change[gap:] = gf.scale(previous, gf.divide(discrepancy, last))[: size - gap]
            if 2 * degree <= step:
                previous, degree, last, gap = locator, step + 1 - degree, discrepancy, 0
            locator = locator ^ change
            gap += 1
        return np.trim_zeros(locator, "b")

    def _places(self, locator: NDArray[np.int64]) -> NDArray[np.int64] | None:
        """Return the places of the errors, or None if the locator does not have them all."""
        gf, degree = self.field, len(locator) - 1
        if degree > self.errors:
            return None
        powers = np.flatnonzero(locator)
        exponents = np.arange(self._cyclic_length)
        logs = gf.logarithms[locator[powers]][:, None] - np.outer(powers, exponents)
        values = np.bitwise_xor.reduce(gf.powers[logs % gf.cycle], axis=0)
        roots = np.flatnonzero(values == 0)
        return None if len(roots) != degree else self._cyclic_length - 1 - roots


@functools.lru_cache(maxsize=64)
def bch(length: int, errors: int) -> BCH:
    """Return the code of a length that corrects a number of errors; its data may be empty."""
    return BCH(length, errors)


def _generator(gf: Field, errors: int) -> int:
    """Return the product of the minimal polynomials of x, x^2, ..., x^(2 errors)."""
    generator, seen = 1, set[int]()
    for exponent in range(1, 2 * errors + 1):
        coset = _coset(exponent, gf.cycle)
        if not coset <= seen:
            seen |= coset
            generator = _multiply(generator, _minimal_polynomial(gf, coset))
    return generator


def _coset(exponent: int, cycle: int) -> set[int]:
    coset = set[int]()
    while exponent % cycle not in coset:
        coset.add(exponent % cycle)
        exponent *= 2
    return coset


def _minimal_polynomial(gf: Field, coset: set[int]) -> int:
    """Multiply (z - x^e) over a coset; the coefficients come out as 0 and 1."""
    product = np.array([1], np.int64)  # highest power first
    for exponent in coset:
        root = int(gf.powers[exponent])
        product = np.bitwise_xor(np.append(product, 0), np.insert(gf.scale(product, root), 0, 0))
    return int("".join(map(str, product.tolist())), 2)


def _multiply(one: int, other: int) -> int:
    product = 0
    while other:
        product ^= one * (other & 1)
        one, other = one << 1, other >> 1
    return product


def _remainder(dividend: int, divisor: int) -> int:
    degree = divisor.bit_length()
    while (excess := dividend.bit_length() - degree) >= 0:
        dividend ^= divisor << excess
    return dividend
