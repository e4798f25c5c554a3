"""Who a message was issued to: exactly, or as near as it was read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgeseal._closing import Closing
from edgeseal.errors import UsageError
from edgeseal.watermark.payload import payload_code
from edgeseal.watermark.registry._database import Database
from edgeseal.watermark.registry._hamming_index import HammingIndex, compare, pack
from edgeseal.watermark.runtime import Message, MessageInput, p_value, to_message

__all__ = ["Issued", "IssuedMatch", "Registry"]

_LOOSE = 20_000  # new messages that are compared one by one before they are sorted in


@dataclass(frozen=True, slots=True)
class Issued:
    """A message to keep.

    Attributes:
        message: bits, hexadecimal digits or a payload.
        label: who or what it was issued to.
    """

    message: MessageInput
    label: str


@dataclass(frozen=True, slots=True)
class IssuedMatch:
    """An issued message that is near to one that was read.

    Attributes:
        message: as it was issued.
        label: who or what it was issued to.
        errors: number of bits that differ.
        p_value: bound on the chance that any of the issued messages is as near to a random one.
    """

    message: Message
    label: str
    errors: int
    p_value: float


class Registry(Closing):
    """Issued messages of one length; use it as a context manager.

    What others add meanwhile is found by the next search. Not for several threads at a time.
    """

    def __init__(self, place: str | Path, bits: int) -> None:
        """Open a registry, or make a new one.

        Args:
            place: a file for SQLite, or ``postgresql://USER@HOST/DATABASE``.
            bits: of each message.

        Raises:
            MissingExtraError: psycopg is not installed, for PostgreSQL.
            FileError: it cannot be opened.
            UsageError: it is of messages of another length, or ``bits`` is below 1.
        """
        if bits < 1:
            raise UsageError(f"`bits`: expected 1 or more, got {bits}")
        self.bits = bits
        self._database = Database(place, bits)
        self._last = 0
        self._sorted = pack(b"", bits)
        self._loose = pack(b"", bits)
        self._index = HammingIndex(self._sorted, bits)

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def add(self, issued: Iterable[Issued]) -> int:
        """Keep messages, all or none; one that is there keeps its label.

        Returns:
            The number of new ones.

        Raises:
            UsageError: a message cannot be one of this length.
            FileError: the database refuses it.
        """
        return self._database.add(
            (_stored(to_message(one.message, self.bits)), one.label) for one in issued
        )

    def label(self, message: MessageInput) -> str | None:
        """Return who exactly this message or payload was issued to, or None.

        Raises:
            UsageError: it cannot be a message of this length.
            FileError: the database refuses it.
        """
        return self._database.label(_stored(to_message(message, self.bits)))

    def find(self, message: MessageInput, *, errors: int | None = None) -> list[IssuedMatch]:
        """Return the issued messages near to one that was read, nearest first.

        The first search reads all messages into memory and sorts them.

        Args:
            message: what was read.
            errors: the most bits that may differ; as many as the code of payloads corrects if
                None.

        Raises:
            UsageError: it cannot be a message of this length, ``errors`` is out of range, or there
                is no code for this length and no ``errors``.
            FileError: the database refuses it.
        """
        read = to_message(message, self.bits)
        most = payload_code(self.bits).correctable_errors if errors is None else errors
        if not 0 <= most <= self.bits:
            raise UsageError(f"`errors`: expected 0 to {self.bits}, got {most}")
        self._load()
        (word,) = pack(_stored(read), self.bits)
        count = len(self._sorted) + len(self._loose)
        matches = []
        for words, (places, distances) in (
            (self._sorted, self._index.find(word, most)),
            (self._loose, compare(self._loose, word, most)),
        ):
            for place, distance in zip(places.tolist(), distances.tolist(), strict=True):
                matches.append(self._match(words[place].astype(">u2").tobytes(), distance, count))
        return sorted(matches, key=lambda match: match.errors)

    def _match(self, padded: bytes, errors: int, count: int) -> IssuedMatch:
        stored = padded[: -(-self.bits // 8)]
        return IssuedMatch(
            message=Message.from_hex(stored.hex()[: -(-self.bits // 4)], self.bits),
            label=self._database.label(stored) or "",
            errors=errors,
            p_value=min(1.0, count * p_value(self.bits - errors, self.bits)),
        )

    def _load(self) -> None:
        """Read what was added since the last search."""
        new = bytearray()
        for number, message in self._database.rows(self._last):
            new += message
            self._last = number
        if new:
            self._loose = np.concatenate([self._loose, pack(bytes(new), self.bits)])
        if len(self._loose) > _LOOSE or not len(self._sorted):
            self._sorted = np.concatenate([self._sorted, self._loose])
            self._loose = pack(b"", self.bits)
            self._index = HammingIndex(self._sorted, self.bits)


def _stored(message: Message) -> bytes:
    """Return a message as bytes, filled up with zeros."""
    digits = message.hex
    return bytes.fromhex(digits + "0" * (len(digits) % 2))
