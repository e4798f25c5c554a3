"""Finding the pictures in folders, and telling what else is there."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from edgeseal._extras import install_command
from edgeseal.errors import FileError
from edgeseal.pictures._plugins import plugin_suffixes

__all__ = [
    "PICTURE_SUFFIXES",
    "LeftOut",
    "files_in",
    "find_pictures",
    "kind_of",
    "picture_suffixes",
]

PICTURE_SUFFIXES = (
    ".apng", ".avif", ".bmp", ".dds", ".dib", ".gif", ".icns", ".ico", ".j2k", ".jfif", ".jp2",
    ".jpe", ".jpeg", ".jpg", ".jpx", ".pbm", ".pcx", ".pgm", ".png", ".pnm", ".ppm", ".psd", ".qoi",
    ".sgi", ".tga", ".tif", ".tiff", ".webp",
)  # fmt: skip
"""Endings, in lower case, of the files that are taken from a folder, without plug-ins."""

_HEIC = "HEIC"
_JXL = "JPEG XL"
_KINDS = {
    _HEIC: (".heic", ".heif", ".hif"),
    _JXL: (".jxl",),
    "RAW": (
        ".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dng", ".erf", ".nef", ".nrw", ".orf", ".pef",
        ".raf", ".raw", ".rw2", ".sr2", ".srf", ".srw", ".x3f",
    ),
    "video": (
        ".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".webm",
        ".wmv",
    ),
}  # fmt: skip
_UNKNOWN = "unknown"


def picture_suffixes() -> tuple[str, ...]:
    """Return the endings, in lower case, of the files that are taken from a folder."""
    return (*PICTURE_SUFFIXES, *plugin_suffixes())


class LeftOut:
    """Files in folders that were passed over: how many of each kind, and the first of each.

    Attributes:
        counts: number of files by what they are: HEIC, JPEG XL, RAW, video, unknown.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._first: dict[str, str] = {}

    def add(self, path: str) -> None:
        """Count a file."""
        kind = kind_of(path)
        self.counts[kind] += 1
        self._first.setdefault(kind, path)

    def __str__(self) -> str:
        """Return how many of each kind there are, with an example of each, in a sentence."""
        parts = []
        for kind, count in self.counts.items():
            text = f"{count} {kind}, such as {self._first[kind]}"
            if kind in (_HEIC, _JXL):
                text += f" (to read them: {install_command('formats')})"
            parts.append(text)
        total = self.counts.total()
        return f"{total} file{'s' * (total > 1)} left out: {'; '.join(parts)}"


def kind_of(path: str) -> str:
    """Return what a file is by its ending, if it is no picture: HEIC, JPEG XL, RAW, video, unknown.

    HEIC and JPEG XL are pictures where their plug-ins are installed.
    """
    suffix = Path(path).suffix.lower()
    return next((kind for kind, suffixes in _KINDS.items() if suffix in suffixes), _UNKNOWN)


def find_pictures(
    paths: str | Path | Iterable[str | Path],
    *,
    recursive: bool = True,
    suffixes: tuple[str, ...] | None = None,
) -> list[Path]:
    """List pictures: folders are searched, everything else is taken as it is.

    The pictures of a folder come in the order of their names; hidden ones (``.name``) are left out.
    Links to folders are followed, each folder once. A path that is no folder stays in the list
    whatever its ending, so that reading it reports what is wrong with it.

    Args:
        paths: files and folders.
        recursive: whether to search folders in folders.
        suffixes: endings, in lower case, of the files to take from a folder; those of pictures if
            None.

    Raises:
        FileError: a folder cannot be read.
    """
    endings = picture_suffixes() if suffixes is None else suffixes
    named = [paths] if isinstance(paths, str | Path) else paths
    return [Path(file) for path in named for file in files_in(path, endings, recursive=recursive)]


def files_in(
    path: str | Path,
    suffixes: tuple[str, ...],
    *,
    recursive: bool = True,
    exclude: Path | None = None,
    others: Callable[[str], None] = lambda _: None,
) -> Iterator[str]:
    """Yield the files of a folder one by one, in the order of their paths; another path as it is.

    Args:
        path: of a folder or file; hidden files and folders in it (``.name``) are left out.
        suffixes: endings, in lower case, of the files to take from a folder.
        recursive: whether to search folders in folders; links are followed, each folder once.
        exclude: a folder that is not searched where it lies in the one that is.
        others: called with each file in the folder that has another ending.

    Raises:
        FileError: a folder cannot be read.
    """
    if not os.path.isdir(path):  # noqa: PTH112  # Path.is_dir raises where the folder above is locked
        yield str(Path(path))
        return
    top = str(Path(path))
    seen = set() if exclude is None else {os.path.realpath(exclude)} - {os.path.realpath(top)}
    waiting = [(top, True)]  # the next one last
    while waiting:
        place, is_folder = waiting.pop()
        if is_folder:
            real = os.path.realpath(place)
            if real not in seen:
                seen.add(real)
                waiting += (one for one in _entries(place) if recursive or not one[1])
        elif place.lower().endswith(suffixes):
            yield place
        else:
            others(place)


def _entries(folder: str) -> list[tuple[str, bool]]:
    """Return what is in a folder, from its last name to the first, and whether it is a folder."""
    base = "" if folder == os.curdir else folder
    try:
        with os.scandir(folder) as entries:
            found = [(one.name, _is_folder(one)) for one in entries if one.name[0] != "."]
    except OSError as error:
        raise FileError(f"{folder}: cannot read this folder ({error.strerror})") from error
    found.sort(reverse=True)
    return [(os.path.join(base, name), is_folder) for name, is_folder in found]  # noqa: PTH118


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False
