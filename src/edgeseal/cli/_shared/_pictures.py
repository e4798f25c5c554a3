"""Lists of pictures, some of which may be bad."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from edgeseal.cli._shared._console import note
from edgeseal.errors import FileError

__all__ = [
    "PicturesArgument",
    "RecursiveOption",
    "exit_after_pictures",
    "list_files",
    "list_pictures",
    "note_done",
]

PicturesArgument: TypeAlias = Annotated[
    list[Path],
    typer.Argument(
        metavar="IMAGE",
        help="Pictures or videos, folders, patterns, @LIST (a file of paths), - (stdin).",
    ),
]
RecursiveOption: TypeAlias = Annotated[
    bool, typer.Option("--recursive/--no-recursive", help="Search folders in folders.")
]


def list_pictures(
    paths: list[Path],
    *,
    recursive: bool = True,
    suffixes: tuple[str, ...] | None = None,
    kind: str = "pictures",
) -> list[Path]:
    """Return the pictures that were named, those of folders, patterns and lists included.

    Args:
        paths: what was named.
        recursive: whether to search folders in folders.
        suffixes: endings of the files to take from folders, if not those of pictures.
        kind: what messages call files of these endings.

    Raises:
        FileError: there are none, or a folder or list cannot be read.
    """
    from edgeseal.pictures import PICTURE_SUFFIXES, find_sources

    endings = suffixes or PICTURE_SUFFIXES
    found = find_sources(paths, recursive=recursive, suffixes=endings)
    if not found:
        names = ", ".join(map(str, paths))
        raise FileError(
            f"{names}: no {kind} in there; files with these endings are: {' '.join(endings)}"
        )
    return found


def list_files(names: list[Path]) -> list[Path]:
    """Return the files of paths (@LIST) among names of pictures."""
    return [Path(str(name)[1:]) for name in names if str(name).startswith("@")]


def note_done(done: int, total: int, *, what: str = "pictures") -> None:
    """Say how many are left out, if any."""
    if done:
        note(f"{done} of {total} {what} are done already")


def exit_after_pictures(failed: int, total: int, *, what: str = "pictures") -> None:
    """End a command that did its work.

    Raises:
        typer.Exit: with 1 if some pictures failed, with 2 if all did.
    """
    if not failed:
        return
    if total > 1:
        note(f"{failed} of {total} {what} failed")
    raise typer.Exit(2 if failed == total else 1)
