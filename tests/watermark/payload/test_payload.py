"""Payloads: what becomes a payload word and comes back, and what is refused."""

from __future__ import annotations

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeseal.errors import UsageError
from edgeseal.watermark.payload import Payload, PayloadKind, payload_code
from edgeseal.watermark.payload._payload import from_word, to_word

LOWER = string.ascii_lowercase + string.digits + " -._"
_word_sizes = st.sampled_from([8, 16, 32, 80, 336])


@given(st.data(), _word_sizes)
@settings(max_examples=200, deadline=None)
def test_payload_comes_back_when_it_fits(data: st.DataObject, bits: int) -> None:
    payload = data.draw(
        st.one_of(
            st.integers(0, 2 ** (bits - 1) - 1).map(Payload.from_id),
            st.text(max_size=bits // 10, min_size=1).map(Payload.from_text)
            if bits > 20
            else st.integers(0, 9).map(Payload.from_id),
            st.text("01", min_size=1, max_size=bits - 5).map(Payload.from_bits),
        )
    )
    try:
        word = to_word(payload, bits)
    except UsageError:
        assert payload.kind is PayloadKind.TEXT
        assert len(str(payload).encode()) > (bits - 4) // 8 - 1
        return
    assert 0 <= word < 2**bits
    assert from_word(word, bits) == payload


@given(_word_sizes, st.data())
@settings(max_examples=200, deadline=None)
def test_every_word_means_something_when_read(bits: int, data: st.DataObject) -> None:
    word = data.draw(st.integers(0, 2**bits - 1))
    payload = from_word(word, bits)
    assert from_word(to_word(payload, bits), bits) == payload


@pytest.mark.parametrize(
    ("payload", "length", "fits"),
    [
        (Payload.from_text, 96, "zzzzz"),
        (Payload.from_text, 96, "_Z 9_"),
        (Payload.from_text, 96, "Ab9."),
        (Payload.from_text, 96, "\N{SNOWMAN}"),
        (Payload.from_text, 256, "_" * 14),
        (Payload.from_hex, 96, "ffffff"),
        (Payload.from_bits, 96, "1" * 27),
    ],
)
def test_longest_payload_fits_when_one_more_is_refused(
    payload: object, length: int, fits: str
) -> None:
    make, code = payload, payload_code(length)
    assert callable(make)
    assert len(code.encode(make(fits))) == length
    with pytest.raises(UsageError, match="there is room for") as refusal:
        code.encode(make(fits + fits[-1]))
    assert str(len(fits.encode())) in str(refusal.value)


def test_leading_zeros_are_kept_when_digits_are_embedded() -> None:
    payload = Payload.from_hex(" 0x00FF ")
    assert payload.value == "00ff"
    assert from_word(to_word(payload, 32), 32) == payload
    assert Payload.from_bits([0, 0, 1]).value == "001"


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        (PayloadKind.ID, -1, "0 or more"),
        (PayloadKind.ID, True, "0 or more"),
        (PayloadKind.ID, "7", "0 or more"),
        (PayloadKind.TEXT, "", "at least one character"),
        (PayloadKind.TEXT, "a\ud800", "surrogate"),
        (PayloadKind.HEX, "12g", "'g' at position 3"),
        (PayloadKind.BITS, "012", "'2' at position 3"),
    ],
)
def test_value_is_refused_when_the_kind_does_not_have_it(
    kind: PayloadKind, value: str | int, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        Payload(kind, value)


def test_id_is_refused_when_it_is_too_large() -> None:
    with pytest.raises(UsageError, match="numbers up to 2147483647"):
        payload_code(96).encode(Payload.from_id(2**31))


def test_kind_is_unknown_when_a_later_version_wrote_it() -> None:
    word = 0b1110 << 28 | 12345
    payload = from_word(word, 32)
    assert payload == Payload(PayloadKind.UNKNOWN, f"{word:08x}")
    assert to_word(payload, 32) == word
