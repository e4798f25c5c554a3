"""Finding pictures in folders."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeseal.errors import FileError
from edgeseal.pictures import find_pictures


@pytest.fixture
def album(tmp_path: Path) -> Path:
    for name in ("b.png", "a.JPG", "notes.txt", ".hidden.png", "sub/c.webp", ".git/d.png"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    return tmp_path


def test_pictures_are_sorted_when_a_folder_is_searched(album: Path) -> None:
    assert find_pictures(album) == [album / "a.JPG", album / "b.png", album / "sub" / "c.webp"]
    assert find_pictures(str(album), recursive=False) == [album / "a.JPG", album / "b.png"]
    assert find_pictures(album, suffixes=(".txt",)) == [album / "notes.txt"]


def test_files_are_taken_as_they_are_when_named(album: Path) -> None:
    named = [album / "notes.txt", album / "missing.png", album / "sub"]
    assert find_pictures(named) == [*named[:2], album / "sub" / "c.webp"]


def test_nothing_is_found_when_a_folder_is_empty(tmp_path: Path) -> None:
    assert find_pictures(tmp_path) == []


def test_folder_is_named_when_it_cannot_be_read(
    album: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deny(path: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("os.scandir", deny)
    with pytest.raises(FileError, match=r"cannot read this folder \(Permission denied\)"):
        find_pictures(album)
