"""Items, by their names: which are wanted, which were there already."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from edgeseal.errors import UsageError
from edgeseal.pictures._folder import tell_kinds

__all__ = ["Item", "ItemChoice", "Shard", "fingerprint", "printable"]

_BYTES = 11  # of a fingerprint: two of 10^9 names are alike with a probability of 2e-9


@dataclass(frozen=True, slots=True)
class Item:
    """One of the things that a scan reads.

    Attributes:
        name: what it is called in the output; no two have the same.
        content: the bytes of its file, or the path or address to read it from.
        problem: why it cannot be read, where that is known already.
    """

    name: str
    content: bytes | str
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Shard:
    """One of several parts that the items of all sources fall into, by their names.

    Attributes:
        index: which, from 1 on.
        count: how many there are.
    """

    index: int
    count: int

    @classmethod
    def from_text(cls, text: str) -> Shard:
        """Parse ``I/N``.

        Raises:
            UsageError: it is none, or I is not between 1 and N.
        """
        index, _, count = text.partition("/")
        if index.isdecimal() and count.isdecimal() and 1 <= int(index) <= int(count):
            return cls(int(index), int(count))
        raise UsageError(f"`shard`: expected I/N, such as 1/8 to 8/8, got {text!r}")

    def __str__(self) -> str:
        """Return ``I/N``."""
        return f"{self.index}/{self.count}"

    def holds(self, number: int) -> bool:
        """Whether the item with this fingerprint falls into it, on every machine alike."""
        return number % self.count == self.index - 1


class ItemChoice:
    """Says of one item after another whether it is to be read, and counts.

    Attributes:
        left_out: number of files that were passed over, by what they are.
    """

    def __init__(self, done: set[int], shard: Shard | None = None) -> None:
        """Take what an earlier run did.

        Args:
            done: fingerprints of the names of items that have a row; is emptied on the way, so
                that a name is in memory once.
            shard: which part of the items is wanted; all if None.
        """
        self._done = done
        self._shard = shard
        self._seen: set[int] = set()
        self._archive = ""
        self._again: Counter[int] = Counter()
        self.left_out: Counter[str] = Counter()

    @property
    def seen(self) -> int:
        """Number of items with different names."""
        return len(self._seen)

    def takes(self, name: str) -> bool:
        """Whether the item of this name is to be read: it is of the shard, and has no row yet."""
        number = fingerprint(name)
        if number in self._seen:
            return False
        self._seen.add(number)
        if number in self._done:
            self._done.remove(number)
            return False
        return self._shard is None or self._shard.holds(number)

    def name_again(self, name: str, archive: str) -> str:
        """Return a name that no member of an archive had before: a number behind it."""
        if archive != self._archive:
            self._archive = archive
            self._again.clear()
        self._again[fingerprint(name)] += 1
        times = self._again[fingerprint(name)]
        return name if times == 1 else f"{name}#{times}"

    def leave_out(self, name: str) -> None:
        """Count a file that is passed over."""
        self.left_out.update(list(tell_kinds([Path(name)])))


def fingerprint(name: str) -> int:
    """Return a number that stands for a name, always the same."""
    digest = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=_BYTES).digest()
    return int.from_bytes(digest, "big")


def printable(name: str) -> str:
    """Return a name as text that every file can hold: bytes that are no text are escaped."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
