"""From what a user names to the pictures that are meant: files, folders, patterns and lists."""

from __future__ import annotations

import codecs
import glob
import io
import itertools
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from PIL import Image

from edgeseal.errors import FileError
from edgeseal.pictures._folder import LeftOut, files_in, picture_suffixes
from edgeseal.pictures._read_image import ImageInput

__all__ = [
    "each_source",
    "find_sources",
    "given_pictures",
    "is_address",
    "list_files",
    "list_names",
    "list_pictures",
    "read_list",
]

_STDIN = "-"
_LIST_MARK = "@"
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
_LONGEST = 1 << 16  # characters of a line; paths end at 4096


def find_sources(
    names: Iterable[str | Path],
    *,
    recursive: bool = True,
    suffixes: tuple[str, ...] | None = None,
    stdin: TextIO | None = None,
) -> list[Path]:
    """List what is meant by names, each path once.

    Args:
        names: for each, what exists by that name comes first: a file, or a folder, which is
            searched. Else ``@LIST`` is a file of paths, one a line, ``-`` the same from stdin, and
            ``*``, ``?``, ``[...]`` and ``**`` make a pattern. Anything else stays in the list, so
            that reading it reports what is wrong with it. Empty lines are left out, and quotes
            around a path; paths in lists are relative to the working directory.
        recursive: whether to search folders in folders.
        suffixes: endings, in lower case, of the files to take from a folder; those of pictures if
            None.
        stdin: what to read for ``-`` instead of the process's own.

    Raises:
        FileError: a folder or list cannot be read, or a pattern fits nothing.
    """
    endings = picture_suffixes() if suffixes is None else suffixes
    found = each_source(names, suffixes=endings, recursive=recursive, stdin=stdin)
    return [Path(name) for name in dict.fromkeys(found)]


def each_source(
    names: Iterable[str | Path],
    *,
    suffixes: tuple[str, ...],
    recursive: bool = True,
    exclude: Path | None = None,
    others: Callable[[str], None] = lambda _: None,
    stdin: TextIO | None = None,
) -> Iterator[str]:
    """Yield the files and addresses that names mean, one by one, however many there are.

    Args:
        names: as for :func:`find_sources`; addresses (``s3://...``) stay as they are.
        suffixes: endings, in lower case, of the files to take from folders.
        recursive: whether to search folders in folders.
        exclude: a folder that is not searched where it lies in one that is, nor by patterns.
        others: called with each file in a folder that has another ending.
        stdin: what to read for ``-`` instead of the process's own.

    Raises:
        FileError: a folder or list cannot be read, or a pattern fits nothing.
    """
    for name in names:
        for path in _expanded(str(name), stdin, exclude):
            if is_address(path):
                yield path
            else:
                yield from files_in(
                    path, suffixes, recursive=recursive, exclude=exclude, others=others
                )


def is_address(name: str) -> bool:
    """Whether a name is an address, such as ``https://...``, and no path."""
    return _ADDRESS.match(name) is not None


def list_pictures(
    names: Iterable[str | Path],
    *,
    recursive: bool = True,
    suffixes: tuple[str, ...] | None = None,
    kind: str = "pictures",
    others: LeftOut | None = None,
) -> list[Path]:
    """Return the pictures that were named, as :func:`list_names` does."""
    found = list_names(names, recursive=recursive, suffixes=suffixes, kind=kind, others=others)
    return [Path(name) for name in found]


def list_names(
    names: Iterable[str | Path],
    *,
    recursive: bool = True,
    suffixes: tuple[str, ...] | None = None,
    kind: str = "pictures",
    exclude: Path | None = None,
    others: LeftOut | None = None,
) -> list[str]:
    """Return the pictures that were named, those of folders, patterns and lists included.

    As texts: of ten thousand files paths take ten megabytes.

    Args:
        names: what was named; see :func:`find_sources`.
        recursive: whether to search folders in folders.
        suffixes: endings, in lower case, of the files to take from folders; those of pictures if
            None.
        kind: what messages call files of these endings.
        exclude: a folder that is not searched where it lies in one that is, nor by patterns.
        others: counts the files in folders that have other endings.

    Raises:
        FileError: there are none, or a folder or list cannot be read.
    """
    names = list(names)
    left = LeftOut() if others is None else others
    endings = picture_suffixes() if suffixes is None else suffixes
    found = each_source(
        names, suffixes=endings, recursive=recursive, exclude=exclude, others=left.add
    )
    listed = list(dict.fromkeys(found))
    if not listed:
        raise FileError(
            f"{', '.join(map(str, names))}: no {kind} in there; files with these endings are: "
            + " ".join(endings)
            + (f"; {left}" if left.counts else "")
        )
    return listed


def given_pictures(
    images: ImageInput | Iterable[ImageInput],
    *,
    suffixes: tuple[str, ...] | None = None,
    kind: str = "pictures",
) -> list[ImageInput]:
    """Return pictures that were given, one or many, with those of folders, patterns and lists.

    Args:
        images: what was given.
        suffixes: endings, in lower case, of the files to take from folders.
        kind: what messages call files of these endings.

    Raises:
        FileError: there are none in what was named, or a folder or list cannot be read.
    """
    many: Any = images
    if isinstance(images, str | Path | bytes | np.ndarray | Image.Image) or hasattr(images, "read"):
        many = [images]
    found: list[ImageInput] = []
    for is_name, run in itertools.groupby(many, lambda image: isinstance(image, str | Path)):
        given = list(run)
        found += list_pictures(given, suffixes=suffixes, kind=kind) if is_name else given
    return found


def list_files(names: Iterable[str | Path]) -> list[Path]:
    """Return the files of paths (@LIST) among names of pictures."""
    return [Path(str(name)[1:]) for name in names if str(name).startswith(_LIST_MARK)]


def read_list(name: str) -> list[str]:
    """Return the lines of a list (``@LIST``), or of stdin (``-``).

    Raises:
        FileError: it cannot be read, or is none.
    """
    return list(_expanded(name, None, None))


def _expanded(name: str, stdin: TextIO | None, exclude: Path | None) -> Iterator[str]:
    if os.path.lexists(name) or is_address(name):
        yield name
    elif name == _STDIN:
        yield from _lines(stdin or sys.stdin, "stdin")
    elif name.startswith(_LIST_MARK):
        yield from _list(Path(name[len(_LIST_MARK) :]))
    elif glob.has_magic(name):
        left_out = None if exclude is None else exclude.resolve()
        for path in _matches(name):
            if left_out is None or not path.resolve().is_relative_to(left_out):
                yield str(path)
    else:
        yield name


def _list(path: Path) -> Iterator[str]:
    try:
        with path.open("rb") as file:
            is_wide = file.peek(2)[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)  # PowerShell's
            encoding = "utf-16" if is_wide else "utf-8-sig"
            text = io.TextIOWrapper(file, encoding=encoding, errors="surrogateescape")
            yield from _lines(text, str(path))
    except OSError as error:
        raise FileError(f"{path}: cannot read this list of pictures ({error.strerror})") from error


def _lines(file: TextIO, name: str) -> Iterator[str]:
    # a device may give one line without end
    for number, line in enumerate(iter(lambda: file.readline(_LONGEST), ""), start=1):
        text = _unquoted(line.rstrip("\r\n").removeprefix("\ufeff"))
        if "\0" in text or len(line) == _LONGEST:
            raise FileError(f"{name}, line {number}: is no path; expected a list, one path a line")
        if text.strip():
            yield text


def _unquoted(text: str) -> str:
    """Return a path without quotes around it, unless they are part of its name."""
    bare = text.strip()
    is_quoted = len(bare) > 2 and bare[0] == bare[-1] and bare[0] in "\"'"
    return bare[1:-1] if is_quoted and not os.path.lexists(text) else text


def _matches(pattern: str) -> list[Path]:
    found = [Path(match) for match in sorted(glob.glob(pattern, recursive=True))]  # noqa: PTH207
    if not found:
        raise FileError(f"{pattern}: no file fits this pattern; quote it if it is a name")
    # what a pattern names is not searched again: `**` lists the folders with all that is in them
    if "**" not in pattern:
        return found
    files = [path for path in found if not path.is_dir()]
    real = {folder: folder.resolve() for folder in {path.parent for path in files}}
    files.sort(key=lambda path: -len(path.parts))  # `**` follows links round and round: once each
    return sorted({(real[path.parent], path.name): path for path in files}.values())
