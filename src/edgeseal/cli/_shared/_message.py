"""Options that say what to embed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgeseal.errors import UsageError

if TYPE_CHECKING:
    from edgeseal.watermark.runtime import Message

__all__ = ["Wanted"]

_RANDOM = "random"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The values of ``--message``, ``--text``, ``--id``, ``--hex``, ``--bits`` and ``--seed``."""

    message: str | None
    text: str | None
    number: int | None
    digits: str | None
    bits: str | None
    seed: int | None

    @property
    def is_repeatable(self) -> bool:
        """Whether the same options give the same message again."""
        return self.message != _RANDOM or self.seed is not None

    def check(self) -> None:
        """Refuse any but exactly one.

        Raises:
            UsageError: none, or several, or a seed without ``--message random``.
        """
        given = {
            "--message": self.message,
            "--text": self.text,
            "--id": self.number,
            "--hex": self.digits,
            "--bits": self.bits,
        }
        names = [name for name, value in given.items() if value is not None]
        if len(names) != 1:
            raise UsageError(
                f"what to embed: expected one of {', '.join(given)}, got "
                f"{' and '.join(names) or 'none'}"
            )
        if self.seed is not None and self.message != _RANDOM:
            raise UsageError("--seed goes with --message random; leave it out")

    def to_message(self, bits: int) -> Message:
        """Return the message for a model of a number of bits.

        Raises:
            UsageError: it cannot be parsed or does not fit; the error says what would.
        """
        from edgeseal.watermark.payload import Payload
        from edgeseal.watermark.runtime import Message, to_message

        if self.message == _RANDOM:
            return Message.random(bits, seed=self.seed)
        if self.message is not None:
            return Message.from_hex(self.message, bits)
        if self.text is not None:
            payload = Payload.from_text(self.text)
        elif self.number is not None:
            payload = Payload.from_id(self.number)
        elif self.digits is not None:
            payload = Payload.from_hex(self.digits)
        else:
            payload = Payload.from_bits(self.bits or "")
        return to_message(payload, bits)
