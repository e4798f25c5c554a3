"""The parts of the payload code by brute force: fields, words, nearest code words, evidence."""

from __future__ import annotations

import itertools
import math
import string

import galois
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeseal.errors import UsageError
from edgeseal.watermark.payload import MarkStatus, Payload, PayloadKind, capacity, payload_code
from edgeseal.watermark.payload._bch import _multiply, _remainder, bch
from edgeseal.watermark.payload._field import field
from edgeseal.watermark.payload._nearest import _reduce, nearest
from edgeseal.watermark.payload._payload import from_word, to_word


@pytest.mark.parametrize("order", [2, 5, 7])
def test_arithmetic_is_that_of_galois_when_the_polynomial_is_the_same(order: int) -> None:
    ours = field(order)
    theirs = galois.GF(2**order, irreducible_poly=galois.Poly.Int(ours.polynomial))
    elements = np.arange(1, 2**order)
    for one in elements[:: max(1, len(elements) // 8)].tolist():
        products = theirs(elements) * theirs(one)
        assert ours.scale(elements, one).tolist() == np.array(products).tolist()
        for other in elements[:: max(1, len(elements) // 8)].tolist():
            assert ours.divide(one, other) == int(theirs(one) / theirs(other))


@given(st.integers(0, 2**40), st.integers(1, 2**20), st.integers(0, 2**20))
@settings(max_examples=60)
def test_polynomials_divide_as_they_multiply(quotient: int, divisor: int, rest: int) -> None:
    rest = _remainder(rest, divisor)
    assert rest.bit_length() < divisor.bit_length() or (divisor == 1 and rest == 0)
    assert _remainder(_multiply(quotient, divisor) ^ rest, divisor) == rest
    assert _multiply(quotient, divisor) == _multiply(divisor, quotient)


def code_of(rows: np.ndarray) -> np.ndarray:
    """All words that rows span: uint8 [2^k, n]."""
    flips = np.array(list(itertools.product([0, 1], repeat=len(rows))), np.int64)
    return (flips @ rows % 2).astype(np.uint8)


def test_nearest_word_is_the_lightest_of_all_when_the_code_is_small() -> None:
    """With three flips or fewer of three rows, the search sees every word."""
    rng = np.random.default_rng(0)
    for length in (7, 10, 14) * 60:
        checks = rng.integers(0, 2, (3, length - 3), np.uint8)
        rows = np.concatenate([np.eye(3, dtype=np.uint8), checks], axis=1)
        rows = np.ascontiguousarray(rows[:, rng.permutation(length)])
        word, weights = rng.integers(0, 2, length, np.uint8), rng.uniform(0.9, 1, length)
        found = nearest(rows, word, weights)
        every = code_of(rows)
        costs = ((every != word) * weights).sum(axis=1)
        assert any((found == one).all() for one in every)
        assert float(((found != word) * weights).sum()) == pytest.approx(float(costs.min()))


@pytest.mark.parametrize("seed", range(6))
def test_rows_span_the_same_code_when_reduced(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = np.concatenate([np.eye(5, dtype=np.uint8), rng.integers(0, 2, (5, 9), np.uint8)], axis=1)
    order = rng.permutation(14)
    reduced, basis = _reduce(rows, order)
    assert np.array_equal(reduced[:, basis], np.eye(5))
    words = {word.tobytes() for word in code_of(rows)}
    assert {word.tobytes() for word in code_of(reduced)} == words
    # the first independent places of the order: none before depends not on those taken
    taken = [place for place in order.tolist() if place in basis.tolist()]
    assert taken == basis.tolist()
    for count, place in enumerate(order.tolist()):
        if place not in basis.tolist():
            before = [other for other in order[:count].tolist() if other in basis.tolist()]
            columns = galois.GF2(rows[:, [*before, place]])
            assert np.linalg.matrix_rank(columns) == len(before)


@pytest.mark.parametrize(("length", "errors"), [(15, 2), (16, 2), (31, 3), (24, 2), (64, 5)])
def test_code_words_differ_by_more_than_twice_the_errors(length: int, errors: int) -> None:
    code = bch(length, errors)
    rng = np.random.default_rng(0)
    zero = code.encode(np.zeros(code.data_bits, np.uint8))
    assert not zero.any()
    for _ in range(60):
        data = rng.integers(0, 2, code.data_bits, np.uint8)
        if data.any():
            word = code.encode(data)
            assert word.sum() >= 2 * errors + 1 + (length == 1 << (length - 1).bit_length())
            assert np.array_equal(word[: code.data_bits], data)
            decoded = code.decode(word)
            assert decoded is not None and np.array_equal(decoded, word)


ALPHABETS = {
    "lower": string.ascii_lowercase + string.digits + " -._",
    "upper": string.ascii_uppercase + string.digits + " -._",
    "mixed": string.ascii_letters + string.digits + " -._",
}


@pytest.mark.parametrize("alphabet", list(ALPHABETS))
@pytest.mark.parametrize("bits", [16, 32, 80])
def test_text_fits_when_it_is_as_long_as_stated(alphabet: str, bits: int) -> None:
    numbers = [int(word) for word in capacity(PayloadKind.TEXT, bits).split() if word.isdigit()]
    longest = numbers[0] if alphabet != "mixed" else numbers[1]
    last = ALPHABETS[alphabet][-1]
    text = last * longest if alphabet != "mixed" else ("aZ" * longest)[:longest]
    payload = Payload.from_text(text)
    assert from_word(to_word(payload, bits), bits) == payload


@given(st.integers(9, 96), st.data())
@settings(max_examples=80)
def test_words_are_all_different_when_payloads_are(bits: int, data: st.DataObject) -> None:
    texts = data.draw(st.lists(st.text("ab01Z\u00fc", min_size=1, max_size=6), unique=True))
    words: dict[int, str] = {}
    for text in texts:
        for make in (Payload.from_text, Payload.from_hex, Payload.from_bits):
            try:
                payload = make(text)
                word = to_word(payload, bits)
            except UsageError:
                continue
            assert 0 <= word < 1 << bits
            assert from_word(word, bits) == payload
            key = repr(payload)
            assert words.setdefault(word, key) == key


@pytest.mark.parametrize("kind", list(PayloadKind))
def test_room_is_stated_for_every_kind_when_asked(kind: PayloadKind) -> None:
    small, large = (capacity(kind, bits) for bits in (16, 64))
    assert small != large
    assert any(character.isdigit() for character in small)


def test_reading_is_present_until_the_evidence_is_too_weak() -> None:
    """The p-value grows with each wrong bit, and the status follows it."""
    code = payload_code(96)
    message = np.array(code.encode(Payload.from_id(12345)))
    order = np.random.default_rng(0).permutation(96)
    before = -math.inf
    statuses = []
    for wrong in range(0, 40, 2):
        flipped = message.copy()
        flipped[order[:wrong]] ^= 1
        reading = code.read(2.0 * flipped - 1)
        statuses.append(reading.status)
        if reading.status is MarkStatus.PRESENT and reading.corrected_errors == wrong:
            assert reading.payload == Payload.from_id(12345)
            assert reading.log10_p_value >= before
            before = reading.log10_p_value
        if wrong <= code.correctable_errors:
            assert reading.status is MarkStatus.PRESENT
            assert reading.p_value <= 1e-6
    assert statuses[-1] is MarkStatus.ABSENT
    assert statuses.index(MarkStatus.ABSENT) > code.correctable_errors // 2


def test_reading_stays_when_logits_are_scaled() -> None:
    code = payload_code(64)
    message = np.array(code.encode(Payload.from_text("ab")))
    logits = (2.0 * message - 1) * np.random.default_rng(0).uniform(0.1, 3, 64)
    logits[:5] *= -1
    one, other = code.read(logits), code.read(1000 * logits)
    assert (one.payload, one.status) == (other.payload, other.status)
    assert one.log10_p_value == pytest.approx(other.log10_p_value, rel=1e-6)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_logits_are_refused_when_they_are_not_finite(value: float) -> None:
    logits = np.ones(96)
    logits[3] = value
    with pytest.raises(UsageError, match="expected 96 finite numbers"):
        payload_code(96).read(logits)
    with pytest.raises(UsageError, match=r"expected 96 finite numbers, got shape \[95\]"):
        payload_code(96).read(np.ones(95))
