"""What a watermark can say (text, a number, digits, bits), and how it becomes one number.

A payload word has a fixed number of bits, first bit first::

    0 number                an id, all remaining bits
    1 kind(3 bits) number   a string over the alphabet of that kind

Strings are numbered by length and then in the order of the alphabet (bijective numeration), so that
leading zeros and the length are part of the number and no room is lost. Kinds 6 and 7 are free for
later versions.
"""

from __future__ import annotations

import enum
import string
from collections.abc import Sequence
from dataclasses import dataclass

from edgeseal.errors import UsageError

__all__ = ["Payload", "PayloadKind", "capacity", "from_word", "to_word"]

_MARKS = " -._"
_LOWER = string.ascii_lowercase + string.digits + _MARKS
_UPPER = string.ascii_uppercase + string.digits + _MARKS
_MIXED = string.ascii_letters + string.digits + _MARKS
_BYTES = 256
_HEX, _BITS = "0123456789abcdef", "01"
# kinds of string by their three bits; the first three that hold a text compete for it
_LETTERS = (_LOWER, _UPPER, _MIXED)
_UTF8_KIND, _HEX_KIND, _BITS_KIND = 3, 4, 5
_HEADER = 4


class PayloadKind(enum.Enum):
    """What a payload is; the value is its name in JSON."""

    TEXT = "text"
    ID = "id"
    HEX = "hex"
    BITS = "bits"
    UNKNOWN = "unknown"


_ALPHABETS = {PayloadKind.HEX: _HEX, PayloadKind.BITS: _BITS, PayloadKind.UNKNOWN: _HEX}


@dataclass(frozen=True, slots=True)
class Payload:
    """What is embedded, or was read.

    Attributes:
        kind: how ``value`` is meant.
        value: an integer of 0 or more for an id; else a string, of hexadecimal digits or of zeros
            and ones for these kinds. Of an unknown kind, which a later version may have written or
            other software, it is the whole payload word in hexadecimal digits.
    """

    kind: PayloadKind
    value: str | int

    def __post_init__(self) -> None:
        """Check the value.

        Raises:
            UsageError: it is empty, negative, of the wrong type, or has characters that the kind
                does not have.
        """
        if self.kind is PayloadKind.ID:
            if isinstance(self.value, bool) or not isinstance(self.value, int) or self.value < 0:
                raise UsageError(f"id: expected an integer of 0 or more, got {self.value!r}")
            return
        name = self.kind.value
        if not isinstance(self.value, str) or not self.value:
            raise UsageError(f"{name}: expected at least one character, got {self.value!r}")
        allowed = _ALPHABETS.get(self.kind)
        for place, character in enumerate(self.value, 1):
            if allowed is not None and character not in allowed:
                raise UsageError(
                    f"{name}: {character!r} at position {place} is none of {allowed[0]}-"
                    f"{allowed[-1]}"
                )
            if "\ud800" <= character <= "\udfff":
                raise UsageError(f"{name}: position {place} is half a character (surrogate)")

    @classmethod
    def from_text(cls, text: str) -> Payload:
        """Return a text; lower-case or upper-case letters alone take the least room."""
        return cls(PayloadKind.TEXT, text)

    @classmethod
    def from_id(cls, number: int) -> Payload:
        """Return an integer of 0 or more."""
        return cls(PayloadKind.ID, number)

    @classmethod
    def from_hex(cls, digits: str) -> Payload:
        """Return hexadecimal digits; ``0x`` before them is dropped, leading zeros are kept."""
        return cls(PayloadKind.HEX, digits.strip().lower().removeprefix("0x"))

    @classmethod
    def from_bits(cls, bits: str | Sequence[int]) -> Payload:
        """Return bits, as text or numbers 0 and 1."""
        return cls(PayloadKind.BITS, "".join(map(str, bits)))

    def __str__(self) -> str:
        """Return the value as text."""
        return str(self.value)

    def to_json(self) -> dict[str, str | int]:
        """Return the payload for ``json.dumps``."""
        return {"kind": self.kind.value, "value": self.value}


def to_word(payload: Payload, bits: int) -> int:
    """Return the payload word of a number of bits.

    Raises:
        UsageError: the payload needs more; the message says what would fit.
    """
    if payload.kind is PayloadKind.ID:
        if int(payload.value) < 1 << (bits - 1):
            return int(payload.value)
    elif payload.kind is PayloadKind.UNKNOWN:
        if (word := int(str(payload.value), 16)) < 1 << bits:
            return word
    else:
        room = 1 << (bits - _HEADER)
        text = str(payload.value)
        words = [kind << (bits - _HEADER) | n for kind, n in _numbers(payload.kind, text, room)]
        if words:
            return 1 << (bits - 1) | min(words)
    raise UsageError(
        f"{payload.kind.value}: {str(payload.value)!r} does not fit into {bits} bits; "
        f"there is room for {capacity(payload.kind, bits)}"
    )


def from_word(word: int, bits: int) -> Payload:
    """Return the payload of a payload word."""
    if word >> (bits - 1) == 0:
        return Payload.from_id(word)
    kind, number = word >> (bits - _HEADER) & 7, word & ((1 << (bits - _HEADER)) - 1)
    unknown = Payload(PayloadKind.UNKNOWN, f"{word:0{-(-bits // 4)}x}")
    if number == 0:
        return unknown  # an empty string
    if kind < len(_LETTERS):
        return Payload.from_text(_string(number, _LETTERS[kind]))
    if kind == _UTF8_KIND:
        try:
            return Payload.from_text(bytes(_digits(number, _BYTES)).decode())
        except UnicodeDecodeError:
            return unknown
    if kind == _HEX_KIND:
        return Payload(PayloadKind.HEX, _string(number, _HEX))
    return Payload(PayloadKind.BITS, _string(number, _BITS)) if kind == _BITS_KIND else unknown


def capacity(kind: PayloadKind, bits: int) -> str:
    """Say how long a payload of a kind may be in a payload word of ``bits`` bits."""
    if kind is PayloadKind.ID:
        return f"numbers up to {(1 << (bits - 1)) - 1}"
    room = 1 << (bits - _HEADER)
    if kind is PayloadKind.HEX:
        return f"{_longest(len(_HEX), room)} hexadecimal digits"
    if kind is PayloadKind.BITS:
        return f"{_longest(len(_BITS), room)} bits"
    if kind is PayloadKind.UNKNOWN:
        return f"{bits} bits"
    one_case, mixed, utf8 = (_longest(base, room) for base in (len(_LOWER), len(_MIXED), _BYTES))
    return (
        f"{one_case} characters of a-z 0-9 space - . _ (or of A-Z with these), {mixed} where "
        f"letters are mixed, {utf8} bytes of UTF-8 for any others"
    )


def _numbers(kind: PayloadKind, text: str, room: int) -> list[tuple[int, int]]:
    """Return every kind of string that a text can be, with its number, where there is room."""
    forms: list[tuple[int, Sequence[int], int]] = []
    if kind is PayloadKind.TEXT:
        forms = [
            (i, _indices(text, a), len(a)) for i, a in enumerate(_LETTERS) if set(text) <= {*a}
        ]
        forms.append((_UTF8_KIND, text.encode(), _BYTES))
    elif kind is PayloadKind.HEX:
        forms = [(_HEX_KIND, _indices(text, _HEX), len(_HEX))]
    elif kind is PayloadKind.BITS:
        forms = [(_BITS_KIND, _indices(text, _BITS), len(_BITS))]
    numbers = ((code, _number(digits, base)) for code, digits, base in forms)
    return [(code, number) for code, number in numbers if number < room]


def _longest(base: int, room: int) -> int:
    """Return the length up to which every string has a number below ``room``."""
    length = 0
    while _number([base - 1] * (length + 1), base) < room:
        length += 1
    return length


def _indices(text: str, alphabet: str) -> list[int]:
    return [alphabet.index(character) for character in text]


def _number(digits: Sequence[int], base: int) -> int:
    number = 0
    for digit in digits:
        number = number * base + digit + 1
    return number


def _digits(number: int, base: int) -> list[int]:
    digits: list[int] = []
    while number:
        number, digit = divmod(number - 1, base)
        digits.append(digit)
    return digits[::-1]


def _string(number: int, alphabet: str) -> str:
    return "".join(alphabet[digit] for digit in _digits(number, len(alphabet)))
