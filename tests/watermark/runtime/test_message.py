"""Messages and their hexadecimal form."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgeseal.errors import UsageError
from edgeseal.watermark.runtime import Message
from edgeseal.watermark.runtime._message import to_message


def test_first_bit_is_the_highest_of_the_first_digit_when_parsed() -> None:
    message = Message.from_hex("8" + "0" * 22 + "1", 96)
    assert message.bits == (1, *[0] * 94, 1)
    assert message.hex == "8" + "0" * 22 + "1"
    assert len(message) == 96


@pytest.mark.parametrize("bits", [1, 3, 4, 30, 96, 256, 1024])
def test_message_is_the_same_when_written_and_parsed(bits: int) -> None:
    message = Message.random(bits, seed=bits)
    assert Message.from_hex(message.hex, bits) == message
    assert Message.from_hex(f" 0x{message.hex.upper()}\n", bits) == message
    assert len(message.hex) == -(-bits // 4)
    assert str(message) == message.hex


def test_message_is_drawn_from_the_seed_when_random() -> None:
    assert Message.random(96, seed=1) == Message.random(96, seed=1)
    assert Message.random(96, seed=1) != Message.random(96, seed=2)
    assert Message.random(96) != Message.random(96)
    assert 30 < sum(Message.random(96, seed=3).bits) < 66


@pytest.mark.parametrize(
    "form",
    [
        "a5",
        Message((1, 0, 1, 0, 0, 1, 0, 1)),
        [1, 0, 1, 0, 0, 1, 0, 1],
        (True, False, True, False, False, True, False, True),
        np.array([1, 0, 1, 0, 0, 1, 0, 1], np.float32),
        np.array([1, 0, 1, 0, 0, 1, 0, 1], bool),
        range(0, 1, 1),
    ],
)
def test_message_is_understood_when_given_in_any_form(form: Any) -> None:
    expected = Message((0,)) if isinstance(form, range) else Message.from_hex("a5", 8)
    message = to_message(form, len(expected))
    assert message == expected
    assert all(type(bit) is int for bit in message.bits)
    assert message.array().dtype == np.float32


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ("a5", "expected 24 hexadecimal digits .96 bits., got 2 .8 bits."),
        ("", "expected 24 hexadecimal digits .96 bits., got 0"),
        ("0" * 25, "got 25"),
        ("00g0", "'g' at position 3"),
        ("0" * 23 + "\N{FULLWIDTH DIGIT ONE}", "position 24"),
        ("-" + "0" * 23, "'-' at position 1"),
        ([1, 0], "expected 24 hexadecimal digits .96 bits., got 2 bits"),
        ([0] * 95 + [2], "bit 95 must be 0 or 1, got 2"),
        ([], "at least 1 bit"),
        (np.zeros((1, 96)), r"ndarray of shape \[1, 96\]"),
        (b"0" * 24, "got bytes"),
        (96, "got int"),
        (None, "got NoneType"),
    ],
)
def test_message_is_refused_when_it_does_not_fit(form: Any, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        to_message(form, 96)


def test_message_is_refused_when_the_last_digit_has_too_many_bits() -> None:
    assert Message.from_hex("c", 2).bits == (1, 1)
    with pytest.raises(UsageError, match="carries more than 2 bits"):
        Message.from_hex("d", 2)


@pytest.mark.parametrize(("bits", "seed"), [(0, None), (-1, 0), (8, -1)])
def test_random_message_is_refused_when_arguments_are_wrong(bits: int, seed: int | None) -> None:
    with pytest.raises(UsageError, match="expected"):
        Message.random(bits, seed=seed)


def test_equal_bits_are_counted_when_messages_are_compared() -> None:
    assert Message((1, 0, 1)).matching_bits(Message((1, 1, 1))) == 2
    with pytest.raises(UsageError, match="expected 3 bits"):
        Message((1, 0, 1)).matching_bits(Message((1,)))
