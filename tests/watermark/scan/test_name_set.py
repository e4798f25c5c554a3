"""Names of items: each known again, in memory that does not grow."""

from __future__ import annotations

import pytest

from edgeseal.errors import FileError
from edgeseal.watermark.scan._name_set import NameSet


def test_names_are_counted() -> None:
    with NameSet() as names:
        assert [names.add(name) for name in ("a", "b", "a", "\udcff", "a")] == [1, 1, 2, 1, 3]
        assert len(names) == 3
        assert "b" in names
        assert "c" not in names


def test_names_are_known_again_when_they_are_more_than_memory_holds() -> None:
    with NameSet() as names:
        for number in range(40_000):  # some megabytes
            assert names.add(str(number)) == 1
        assert all(str(number) in names for number in range(0, 40_000, 1000))


def test_one_line_says_so_when_there_is_no_room() -> None:
    with NameSet() as names:
        names._database.execute("PRAGMA max_page_count = 10")
        with pytest.raises(FileError, match=r"folder for temporary files .*full"):
            for number in range(40_000):
                names.add(str(number))
