"""Items, by their names: which are wanted, which were there already."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from edgeseal._closing import Closing
from edgeseal.errors import UsageError
from edgeseal.pictures._folder import kind_of
from edgeseal.watermark.scan._name_set import NameSet, fingerprint
from edgeseal.watermark.scan._stores import suffix_path
from edgeseal.watermark.video import VideoPart, is_video

__all__ = ["Item", "ItemChoice", "Shard", "printable"]

_PART = "#part="


@dataclass(frozen=True, slots=True)
class Item:
    """One of the things that a scan reads.

    Attributes:
        name: what it is called in the output; no two have the same.
        content: the bytes of its file, or the path or address to read it from.
        problem: why it cannot be read, where that is known already.
        part: which part of a video it is; all of it if None.
    """

    name: str
    content: bytes | str
    problem: str | None = None
    part: VideoPart | None = None

    @property
    def is_video(self) -> bool:
        """Whether it is a video or part of one."""
        return isinstance(self.content, str) and is_video(suffix_path(self.content))

    @property
    def video(self) -> str:
        """Name of the video of which it is a part."""
        return self.name.rpartition(_PART)[0]

    @classmethod
    def of_part(cls, video: str, path: str, part: VideoPart) -> Item:
        """Return the item that stands for a part of a video."""
        return cls(f"{video}{_PART}{part}", path, part=part)


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

    def holds(self, name: str) -> bool:
        """Whether the item of this name falls into it, on every machine alike."""
        return int.from_bytes(fingerprint(name), "big") % self.count == self.index - 1


class ItemChoice(Closing):
    """Says of one item after another whether it is to be read, and counts.

    Attributes:
        has_any: whether there was an item, wanted or not.
        left_out: number of files that were passed over, by what they are.
    """

    def __init__(self, done: NameSet, shard: Shard | None = None) -> None:
        """Take what an earlier run did.

        Args:
            done: names of items that have a row; gets those that are taken.
            shard: which part of the items is wanted; all if None.
        """
        self._done = done
        self._shard = shard
        self._members = NameSet()
        self._archive = ""
        self.has_any = False
        self.left_out: Counter[str] = Counter()

    def takes(self, name: str) -> bool:
        """Whether the item of this name is to be read: it is of the shard, and has no row yet."""
        self.has_any = True
        if self._shard is not None and not self._shard.holds(name):
            return False
        return self._done.add(name) == 1

    def has_row(self, name: str) -> bool:
        """Whether the item of this name has a row of an earlier run."""
        return name in self._done

    def name_again(self, name: str, archive: str) -> str:
        """Return a name that no member of an archive had before: a number behind it."""
        if archive != self._archive:
            self._archive = archive
            self._members.close()
            self._members = NameSet()
        times = self._members.add(name)
        return name if times == 1 else f"{name}#{times}"

    def close(self) -> None:
        """Forget the names."""
        self._members.close()

    def leave_out(self, name: str) -> None:
        """Count a file that is passed over."""
        self.left_out[kind_of(name)] += 1


def printable(name: str) -> str:
    """Return a name as text that every file can hold: bytes that are no text are escaped."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
