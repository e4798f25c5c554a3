"""The BCH codes, against the library galois and against what they promise."""

from __future__ import annotations

import galois
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeseal.watermark.payload._bch import bch
from edgeseal.watermark.payload._field import field


@pytest.mark.parametrize(("order", "errors"), [(4, 2), (5, 3), (7, 10), (8, 26)])
def test_code_is_that_of_galois_when_not_shortened(order: int, errors: int) -> None:
    ours = bch((1 << order) - 1, errors)
    # Without compiling, which takes ten seconds for each code.
    extension = galois.GF(
        2**order,
        irreducible_poly=galois.Poly.Int(field(order).polynomial),
        compile="python-calculate",
    )
    theirs = galois.BCH(ours.length, d=2 * errors + 1, extension_field=extension)
    assert theirs.k == ours.data_bits
    assert int(theirs.generator_poly) == ours.generator
    data = np.random.default_rng(order).integers(0, 2, (20, ours.data_bits)).astype(np.uint8)
    words = np.array([ours.encode(row) for row in data])
    np.testing.assert_array_equal(words, data @ np.array(theirs.G, np.int64) % 2)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_word_is_restored_when_no_more_bits_are_wrong_than_promised(data: st.DataObject) -> None:
    length = data.draw(st.integers(20, 300), "length")
    code = bch(length, data.draw(st.integers(1, 1 + length // 40), "errors"))
    rng = np.random.default_rng(data.draw(st.integers(0, 999), "seed"))
    word = code.encode(rng.integers(0, 2, code.data_bits).astype(np.uint8))
    wrong = rng.permutation(length)[: data.draw(st.integers(0, code.errors), "wrong")]
    damaged = word.copy()
    damaged[wrong] ^= 1
    found = code.decode(damaged)
    assert found is not None
    np.testing.assert_array_equal(found, word)


def test_result_is_a_near_code_word_or_none_when_bits_are_random() -> None:
    code, rng = bch(63, 3), np.random.default_rng(0)
    found = [(w, code.decode(w)) for w in rng.integers(0, 2, (400, 63)).astype(np.uint8)]
    near = [(w, c) for w, c in found if c is not None]
    # 45 data bits: 2^45 balls of 3 errors in 2^63 words
    share = 2.0**-18 * (1 + 63 + 63 * 62 / 2 + 63 * 62 * 61 / 6)
    assert len(near) / len(found) == pytest.approx(share, abs=0.06)
    for word, corrected in near:
        assert (word != corrected).sum() <= 3
        np.testing.assert_array_equal(code.encode(corrected[: code.data_bits]), corrected)
