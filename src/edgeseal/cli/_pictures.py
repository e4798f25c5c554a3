"""Lists of pictures, some of which may be bad."""

from __future__ import annotations

from pathlib import Path

import typer

from edgeseal.cli._console import note
from edgeseal.errors import FileError

__all__ = ["exit_after_pictures", "list_pictures"]


def list_pictures(paths: list[Path]) -> list[Path]:
    """Return the pictures that were named, those of folders included, each once.

    Raises:
        FileError: there are none, or a folder cannot be read.
    """
    from edgeseal.runtime import PICTURE_SUFFIXES, find_pictures

    found = list(dict.fromkeys(find_pictures(paths)))
    if not found:
        names = ", ".join(map(str, paths))
        endings = " ".join(PICTURE_SUFFIXES)
        raise FileError(f"{names}: no pictures in there; files with these endings are: {endings}")
    return found


def exit_after_pictures(failed: int, total: int) -> None:
    """End a command that did its work.

    Raises:
        typer.Exit: with 1 if some pictures failed, with 2 if all did.
    """
    if not failed:
        return
    if total > 1:
        note(f"{failed} of {total} pictures failed")
    raise typer.Exit(2 if failed == total else 1)
