"""From what a user names to the items of a scan, one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgeseal.errors import EdgesealError
from edgeseal.pictures import picture_suffixes
from edgeseal.pictures._sources import each_source, is_address
from edgeseal.watermark.scan._archives import (
    PARQUET_SUFFIXES,
    TAR_SUFFIXES,
    parquet_items,
    tar_items,
)
from edgeseal.watermark.scan._choice import Item, ItemChoice, printable
from edgeseal.watermark.scan._stores import each_address, suffix_path
from edgeseal.watermark.video import VIDEO_SUFFIXES, VideoPart, count_parts, is_video

__all__ = ["ScanSources"]


@dataclass(frozen=True, slots=True)
class ScanSources:
    """What is to be scanned.

    Attributes:
        names: files, folders, patterns, ``@LIST`` and addresses.
        recursive: whether to search folders in folders.
        column: of Parquet files, with the pictures; the only one that may be if None.
        exclude: a folder that is not searched, the output.
        part_s: videos that last twice as long or longer are items in parts of this length; none if
            None.
    """

    names: Sequence[str]
    recursive: bool
    column: str | None
    exclude: Path
    part_s: float | None = None

    def count(self) -> int | None:
        """Return how many items there are; None where only reading tells, as of archives.

        Raises:
            FileError: a folder or list cannot be read, or a pattern fits nothing.
        """
        total = 0
        for source in self._sources(lambda _: None):
            if is_address(source) or source.lower().endswith((*TAR_SUFFIXES, *PARQUET_SUFFIXES)):
                return None
            total += 1
        return total

    def items(self, choice: ItemChoice) -> Iterator[Item]:
        """Yield those items that are to be read.

        Raises:
            MissingExtraError: a package for a store or for Parquet is not installed.
            FileError: a folder, list or store cannot be listed, or a pattern fits nothing.
        """
        for source in self._sources(choice.leave_out):
            if not is_address(source):
                yield from self._of_file(source, choice)
                continue
            for one, is_taken in each_address(source, _suffixes()):
                if is_taken:
                    yield from self._of_file(one, choice)
                else:
                    choice.leave_out(one)

    def _sources(self, others: Callable[[str], None]) -> Iterator[str]:
        return each_source(
            self.names,
            suffixes=_suffixes(),
            recursive=self.recursive,
            exclude=self.exclude,
            others=others,
        )

    def _of_file(self, source: str, choice: ItemChoice) -> Iterator[Item]:
        ending = suffix_path(source)
        if ending.endswith(TAR_SUFFIXES):
            yield from tar_items(source, choice, picture_suffixes())
        elif ending.endswith(PARQUET_SUFFIXES):
            yield from parquet_items(source, choice, self.column)
        elif parts := self._parts(source, choice):
            for part in parts:
                item = Item.of_part(printable(source), source, part)
                if choice.takes(item.name):
                    yield item
        elif choice.takes(name := printable(source)):
            yield Item(name, source)

    def _parts(self, source: str, choice: ItemChoice) -> list[VideoPart]:
        """Return the parts that are an item each; none where the file is one."""
        is_file = is_video(source) and not is_address(source)
        if self.part_s is None or not is_file or choice.has_row(printable(source)):
            return []
        try:
            count = count_parts(Path(source), self.part_s)
        except EdgesealError:  # which is in the row of the whole file, as who reads it says it
            return []
        return [VideoPart(index, count, self.part_s) for index in range(count)] if count > 1 else []


def _suffixes() -> tuple[str, ...]:
    return (*picture_suffixes(), *VIDEO_SUFFIXES, *TAR_SUFFIXES, *PARQUET_SUFFIXES)
