"""Lists of pictures, some of which may be bad."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from edgeseal.cli._shared._console import note

__all__ = ["PicturesArgument", "RecursiveOption", "exit_after_pictures"]

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


def exit_after_pictures(
    failed: int, total: int, *, what: str = "pictures", unread: int = 0
) -> None:
    """End a command that did its work.

    Raises:
        typer.Exit: with 1 if some pictures failed or came out without a mark, with 2 if all failed.
    """
    if unread:
        note(f"the mark is not read in {unread} of {total} {what}")
    if not failed and not unread:
        return
    if failed and total > 1:
        note(f"{failed} of {total} {what} failed")
    raise typer.Exit(2 if failed == total else 1)
