"""Messages: bits, their hexadecimal form, or a payload that they carry.

The first bit is the most significant bit of the first hexadecimal digit, as in upstream: 96 bits
are 24 digits, and ``8000...`` has only bit 0 set. A number of bits that is no multiple of 4 is
filled up with zeros at the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from edgeseal.errors import UsageError
from edgeseal.watermark.payload import Payload, payload_code

__all__ = ["Message", "MessageInput", "to_message"]

_DIGITS = "0123456789abcdef"


@dataclass(frozen=True, slots=True)
class Message:
    """The payload of a watermark.

    Attributes:
        bits: 0 or 1 each, first bit first; at least one.
    """

    bits: tuple[int, ...]

    def __post_init__(self) -> None:
        """Refuse anything but zeros and ones.

        Raises:
            UsageError: there is no bit, or one is neither 0 nor 1.
        """
        if not self.bits:
            raise UsageError("message: expected at least 1 bit, got none")
        try:
            octets = bytes(tuple(self.bits))  # fast: millions are issued at once
        except (TypeError, ValueError):
            octets = b"no bits"
        if octets.translate(None, b"\0\1"):
            for index, bit in enumerate(self.bits):
                if bit not in (0, 1):
                    raise UsageError(f"message: bit {index} must be 0 or 1, got {bit!r}")
            octets = bytes(map(int, self.bits))  # such as 1.0
        object.__setattr__(self, "bits", tuple(octets))

    @classmethod
    def from_hex(cls, text: str, bits: int) -> Message:
        """Parse a hexadecimal message of a known number of bits.

        Args:
            text: digits in either case; an ``0x`` before them and blanks around them are allowed.
            bits: number of bits expected.

        Raises:
            UsageError: a character is no hexadecimal digit, or the length does not fit.
        """
        digits = text.strip().lower().removeprefix("0x")
        for index, character in enumerate(digits):
            if character not in _DIGITS:
                raise UsageError(
                    f"message: {character!r} at position {index + 1} is no hexadecimal digit; "
                    f"expected {_length(bits)} of 0-9 and a-f"
                )
        expected = -(-bits // 4)
        if len(digits) != expected:
            raise UsageError(
                f"message: expected {_length(bits)}, got {len(digits)} ({4 * len(digits)} bits)"
            )
        padding = 4 * expected - bits
        value = int(digits, 16)
        if value & ((1 << padding) - 1):
            raise UsageError(
                f"message: the last digit {digits[-1]!r} carries more than {bits} bits; its lowest "
                f"{padding} must be 0"
            )
        return cls(tuple(map(int, f"{value >> padding:0{bits}b}")))

    @classmethod
    def random(cls, bits: int, *, seed: int | None = None) -> Message:
        """Draw a message; the same seed gives the same message.

        Raises:
            UsageError: ``bits`` is below 1, or the seed is negative.
        """
        if bits < 1:
            raise UsageError(f"bits: expected 1 or more, got {bits}")
        if seed is not None and seed < 0:
            raise UsageError(f"seed: expected 0 or more, got {seed}")
        return cls(tuple(np.random.default_rng(seed).integers(0, 2, bits).tolist()))

    @property
    def hex(self) -> str:
        """The hexadecimal form, in lower case."""
        digits = -(-len(self.bits) // 4)
        value = int(bytes(self.bits).translate(b"01" + bytes(254)), 2)
        value <<= 4 * digits - len(self.bits)
        return f"{value:0{digits}x}"

    def array(self) -> NDArray[np.float32]:
        """Return the bits as models take them: float32 [bits], 0 or 1."""
        return np.array(self.bits, np.float32)

    def matching_bits(self, other: Message) -> int:
        """Count the bits that are equal.

        Raises:
            UsageError: the messages differ in length.
        """
        if len(self) != len(other):
            raise UsageError(f"message: expected {len(self)} bits to compare, got {len(other)}")
        return sum(mine == yours for mine, yours in zip(self.bits, other.bits, strict=True))

    def __len__(self) -> int:
        """Return the number of bits."""
        return len(self.bits)

    def __str__(self) -> str:
        """Return the hexadecimal form."""
        return self.hex


MessageInput: TypeAlias = Message | Payload | str | Sequence[int] | NDArray[Any]
"""A message, its hexadecimal form, its bits as 0 and 1 or booleans, or a payload to carry."""


def to_message(value: MessageInput, bits: int) -> Message:
    """Turn any accepted form of a message into one of ``bits`` bits.

    Raises:
        UsageError: it cannot be parsed, has another number of bits, or is a payload that does not
            fit into so many.
    """
    if isinstance(value, str):
        return Message.from_hex(value, bits)
    if isinstance(value, Payload):
        return Message(payload_code(bits).encode(value))
    message = value if isinstance(value, Message) else Message(_bits(value))
    if len(message) != bits:
        raise UsageError(f"message: expected {_length(bits)}, got {len(message)} bits")
    return message


def _bits(value: object) -> tuple[Any, ...]:
    if isinstance(value, np.ndarray) and value.ndim == 1:
        return tuple(value.tolist())
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return tuple(value)
    shape = f" of shape {list(value.shape)}" if isinstance(value, np.ndarray) else ""
    raise UsageError(
        "message: expected hexadecimal text, a Message, a Payload or a flat sequence of bits, got "
        f"{type(value).__name__}{shape}"
    )


def _length(bits: int) -> str:
    return f"{-(-bits // 4)} hexadecimal digits ({bits} bits)"
