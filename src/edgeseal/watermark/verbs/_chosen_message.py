"""What is to be embedded, of several ways to say it."""

from __future__ import annotations

from edgeseal.errors import UsageError
from edgeseal.watermark.payload import Payload
from edgeseal.watermark.runtime import Message, MessageInput, to_message

__all__ = ["choose_message", "fitted", "is_random"]

_RANDOM = "random"


def choose_message(
    *,
    message: MessageInput | None,
    text: str | None,
    number: int | None,
    digits: str | None,
    bits: str | None,
    seed: int | None,
) -> MessageInput:
    """Return the one message that is given, not fitted to a model yet.

    Raises:
        UsageError: none, or several; a seed without a random message; or a payload of wrong
            characters.
    """
    given = {"message": message, "text": text, "number": number, "digits": digits, "bits": bits}
    names = [f"`{name}`" for name, value in given.items() if value is not None]
    if len(names) != 1:
        expected = ", ".join(f"`{name}`" for name in given)
        raise UsageError(
            f"what to embed: expected one of {expected}, got {' and '.join(names) or 'none'}"
        )
    if seed is not None and not is_random(message):
        raise UsageError("`seed` goes with a random message; leave it out")
    if text is not None:
        return Payload.from_text(text)
    if number is not None:
        return Payload.from_id(number)
    if digits is not None:
        return Payload.from_hex(digits)
    return Payload.from_bits(bits or "") if message is None else message


def is_random(message: MessageInput | None) -> bool:
    """Whether a message is to be drawn."""
    return isinstance(message, str) and message == _RANDOM


def fitted(message: MessageInput, bits: int, *, seed: int | None) -> Message:
    """Return a message for a model of a number of bits.

    Raises:
        UsageError: it cannot be parsed or does not fit; the error says what would.
    """
    return Message.random(bits, seed=seed) if is_random(message) else to_message(message, bits)
