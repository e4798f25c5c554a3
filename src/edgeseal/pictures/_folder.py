"""Finding the pictures in folders, and telling what else is there."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from edgeseal._extras import install_command
from edgeseal.errors import FileError
from edgeseal.pictures._plugins import plugin_suffixes

__all__ = [
    "PICTURE_SUFFIXES",
    "describe_kinds",
    "files_of",
    "find_pictures",
    "picture_suffixes",
    "tell_kinds",
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


def find_pictures(
    paths: str | Path | Iterable[str | Path],
    *,
    recursive: bool = True,
    suffixes: tuple[str, ...] | None = None,
    exclude: Path | None = None,
    others: list[Path] | None = None,
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
        exclude: a folder that is not searched where it lies in one that is.
        others: gets the files of other endings.

    Raises:
        FileError: a folder cannot be read.
    """
    if isinstance(paths, str | Path):
        paths = [paths]
    endings = picture_suffixes() if suffixes is None else suffixes
    found: list[Path] = []
    for path in map(Path, paths):
        if os.path.isdir(path):  # noqa: PTH112  # Path.is_dir raises where the folder above is locked
            files = sorted(files_of(path, recursive=recursive, exclude=exclude))
            found += (file for file in files if file.name.lower().endswith(endings))
            if others is not None:
                others += (file for file in files if not file.name.lower().endswith(endings))
        else:
            found.append(path)
    return found


def files_of(
    folder: Path, *, recursive: bool = True, exclude: Path | None = None
) -> Iterator[Path]:
    """Yield the files of a folder one by one, in an order that is always the same.

    Args:
        folder: where; hidden files and folders (``.name``) are left out.
        recursive: whether to search folders in folders.
        exclude: a folder that is not searched.

    Raises:
        FileError: a folder cannot be read.
    """
    left_out = None if exclude is None else os.path.realpath(exclude)
    seen: set[str] = set()
    for root, folders, files in os.walk(folder, onerror=_refuse, followlinks=True):
        place = os.path.realpath(root)
        if place in seen or (place == left_out and root != str(folder)):
            folders.clear()
            continue
        seen.add(place)
        folders[:] = sorted(name for name in folders if recursive and not name.startswith("."))
        yield from (Path(root, name) for name in sorted(files) if not name.startswith("."))


def tell_kinds(others: Iterable[Path]) -> dict[str, list[Path]]:
    """Return files that were left out by what they are: HEIC, RAW, video, unknown."""
    found: defaultdict[str, list[Path]] = defaultdict(list)
    for path in others:
        suffix = path.suffix.lower()
        found[next((kind for kind, ends in _KINDS.items() if suffix in ends), _UNKNOWN)].append(
            path
        )
    return dict(found)


def describe_kinds(kinds: dict[str, list[Path]]) -> str:
    """Return how many files of each kind are left out, with an example of each, in a sentence."""
    total = sum(map(len, kinds.values()))
    parts = []
    for kind, paths in kinds.items():
        text = f"{len(paths)} {kind}, such as {paths[0]}"
        if kind in (_HEIC, _JXL):
            text += f" (to read them: {install_command('formats')})"
        parts.append(text)
    return f"{total} file{'s' * (total > 1)} left out: {'; '.join(parts)}"


def _refuse(error: OSError) -> None:
    raise FileError(f"{error.filename}: cannot read this folder ({error.strerror})") from error
