"""The options of verbs that write results as JSON lines."""

from __future__ import annotations

import sys
from typing import Annotated, TextIO, TypeAlias

import typer

from edgeseal.errors import UsageError

__all__ = ["JsonLinesOption", "ResumeOption", "lines_target"]

JsonLinesOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--jsonl", metavar="FILE|-", help="Write each result as a line of JSON when it comes."
    ),
]
ResumeOption: TypeAlias = Annotated[
    bool, typer.Option("--resume", help="Go on: leave out what is done already.")
]


def lines_target(json_lines: str | None, *, as_json: bool) -> str | TextIO | None:
    """Return where lines go.

    Raises:
        UsageError: all results are to be printed together as well.
    """
    if json_lines is not None and as_json:
        raise UsageError("--json and --jsonl contradict each other; give one")
    return sys.stdout if json_lines == "-" else json_lines
