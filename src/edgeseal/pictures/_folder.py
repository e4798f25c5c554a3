"""Finding the pictures in folders."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from edgeseal.errors import FileError

__all__ = ["PICTURE_SUFFIXES", "find_pictures"]

PICTURE_SUFFIXES = (
    ".avif",
    ".bmp",
    ".gif",
    ".jp2",
    ".jpeg",
    ".jpg",
    ".pgm",
    ".png",
    ".ppm",
    ".tif",
    ".tiff",
    ".webp",
)
"""Endings, in lower case, of the files that are taken from a folder."""


def find_pictures(
    paths: str | Path | Iterable[str | Path],
    *,
    recursive: bool = True,
    suffixes: tuple[str, ...] = PICTURE_SUFFIXES,
) -> list[Path]:
    """List pictures: folders are searched, everything else is taken as it is.

    The pictures of a folder come in the order of their names; hidden ones (``.name``) and links
    to folders are left out. A path that is no folder stays in the list whatever its ending, so
    that reading it reports what is wrong with it.

    Args:
        paths: files and folders.
        recursive: whether to search folders in folders.
        suffixes: endings, in lower case, of the files to take from a folder.

    Raises:
        FileError: a folder cannot be read.
    """
    if isinstance(paths, str | Path):
        paths = [paths]
    found: list[Path] = []
    for path in map(Path, paths):
        if os.path.isdir(path):  # noqa: PTH112  # Path.is_dir raises where the folder above is locked
            found += _search(path, recursive=recursive, suffixes=suffixes)
        else:
            found.append(path)
    return found


def _search(folder: Path, *, recursive: bool, suffixes: tuple[str, ...]) -> list[Path]:
    found: list[Path] = []
    for root, folders, files in os.walk(folder, onerror=_refuse):
        folders[:] = [name for name in folders if recursive and not name.startswith(".")]
        names = (name for name in files if not name.startswith("."))
        found += (Path(root, name) for name in names if name.lower().endswith(suffixes))
    return sorted(found)


def _refuse(error: OSError) -> None:
    raise FileError(f"{error.filename}: cannot read this folder ({error.strerror})") from error
