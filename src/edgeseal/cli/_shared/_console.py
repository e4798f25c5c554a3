"""Results go to stdout, as text or as JSON; progress, notes and errors go to stderr.

rich is imported only when there is something to draw.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Protocol, TextIO

import typer

from edgeseal.cli._shared._interrupt import stop_if_interrupted
from edgeseal.cli._shared._table import Table, lines_of, new_table, width_of_output
from edgeseal.cli._shared._text import mib, printable

if TYPE_CHECKING:
    from rich.progress import Progress, ProgressColumn

__all__ = [
    "SCHEMA_VERSION",
    "Result",
    "busy",
    "download_bar",
    "error",
    "frame_bar",
    "mib",
    "new_table",
    "note",
    "open_stderr",
    "picture_bar",
    "print_json",
    "print_result",
    "print_table",
    "print_text",
    "printable",
    "saying",
]

SCHEMA_VERSION = 1
"""Of everything that ``--json`` prints."""


class Result(Protocol):
    """What the function of a verb returns."""

    @property
    def is_good(self) -> bool:
        """Whether the command ends with 0."""

    def to_json(self) -> dict[str, object]:
        """Return all of it, for ``--json``."""


_QUIET_S = 60.0  # without a terminal, between two lines

_stderr_copy: TextIO | None = None
_shown: Progress | None = None  # what is drawn on the terminal now
_in_words: Callable[[str], str] = str  # says what the library says as the command line does


def print_json(command: str, content: Mapping[str, object]) -> None:
    """Print a result for programs; nothing else may go to stdout with it."""
    record = {"schema_version": SCHEMA_VERSION, "command": command, **content}
    sys.stdout.write(json.dumps(record, indent=2, allow_nan=False) + "\n")


def print_text(text: str) -> None:
    """Print a line of a result."""
    _write(sys.stdout, printable(text) + "\n")


def print_table(table: Table, *, of: int | None = None, rest: str = "") -> None:
    """Print a table, which fits the terminal.

    Args:
        table: the table.
        of: number of rows that there would be; how many more there are is said below.
        rest: what lists them all.
    """
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    rule = "\N{BOX DRAWINGS LIGHT HORIZONTAL}" if encoding.lower().startswith("utf") else "-"
    lines = list(lines_of(table, width_of_output(), rule=rule))
    more = (of or 0) - len(table.rows)
    if more > 0:
        lines.append(f"and {more} more; {rest}")
    _write(sys.stdout, "\n".join(lines) + "\n")


def print_result(
    command: str,
    result: Result,
    *,
    as_json: bool,
    show: Callable[[], None] | None = None,
    notes: Iterable[str] = (),
) -> None:
    """Print what a verb gave, and end the command.

    Args:
        command: the verb.
        result: what its function returned.
        as_json: whether to print that for programs.
        show: prints it for people, if not as it describes itself.
        notes: lines for stderr, after it.

    Raises:
        typer.Exit: with 1 if the result is not good.
    """
    if as_json:
        print_json(command, result.to_json())
    elif show is not None:
        show()
    else:
        print_text(str(result))
    for line in notes:
        note(line)
    if not result.is_good:
        raise typer.Exit(1)


@contextlib.contextmanager
def saying(in_words: Callable[[str], str]) -> Iterator[None]:
    """Let notes and errors of the body be said in other words, such as options."""
    global _in_words
    before, _in_words = _in_words, in_words
    try:
        yield
    finally:
        _in_words = before


def note(text: str) -> None:
    """Print a line of progress or a warning, above what is drawn at the time."""
    text = printable(_in_words(text))
    if _shown is None:
        _write(open_stderr(), text + "\n")
    else:
        _shown.console.print(text, markup=False, highlight=False, soft_wrap=True)


def error(text: str) -> None:
    """Print an error in one piece."""
    note(text)


def open_stderr() -> TextIO:
    """Return a stream to this process's stderr that keeps working while native code is kept quiet.

    For that, the library points descriptor 2 elsewhere for a while, and what is drawn or said
    meanwhile would be lost. So this is a copy of the descriptor, made when a command starts.
    """
    global _stderr_copy
    if sys.__stderr__ is None or sys.stderr is not sys.__stderr__:
        return sys.stderr
    if _stderr_copy is None:
        _stderr_copy = open(  # noqa: SIM115
            os.dup(2),
            "w",
            buffering=1,
            encoding=sys.__stderr__.encoding,
            errors="backslashreplace",
            closefd=False,
        )
    return _stderr_copy


@contextlib.contextmanager
def busy(text: str) -> Iterator[Callable[[str], None]]:
    """Show that something is going on, and for how long, while the body runs.

    Yields a function that changes the text where stderr is a terminal.

    Raises:
        KeyboardInterrupt: the body was interrupted, even if it went on.
    """
    from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn()
    with _progress(text, *columns) as progress:
        if progress is None:
            note(f"{text} ...")
            yield lambda _: None
        else:
            task = progress.add_task(text, total=None)
            yield lambda changed: progress.update(task, description=printable(changed))
        stop_if_interrupted()


@contextlib.contextmanager
def picture_bar(text: str, total: int) -> Iterator[Callable[[], None]]:
    """Show a progress bar if there are several pictures; yields what to call after each."""
    if total <= 1:
        yield lambda: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with _progress(text, *columns) as progress:
        if progress is None:
            yield lambda: None
            return
        task = progress.add_task(text, total=total)
        yield lambda: progress.advance(task)


@contextlib.contextmanager
def frame_bar(text: str, unit: str = "frames") -> Iterator[Callable[[int, int | None], None]]:
    """Yield a function for the library to report frames to, shown with their number a second.

    Where there is no terminal, such as in the log of a cluster, a line says it once a minute.

    The function raises KeyboardInterrupt where an interrupt was lost in another package.
    """
    from rich.progress import BarColumn, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[frames]}"),
        TimeRemainingColumn(),
    )
    with _progress(text, *columns) as progress:
        task = None
        if progress is not None:
            task = progress.add_task(printable(text), total=None, frames="")
        began = said = time.monotonic()

        def report(done: int, total: int | None) -> None:
            nonlocal said
            now = time.monotonic()
            rate = done / max(1e-9, now - began)
            of_all = f"/{total}" if total else ""
            shown = f"{done}{of_all} {unit}, {rate:.1f}/s"
            if progress is not None and task is not None:
                progress.update(task, completed=done, total=total, frames=shown)
            elif now - said >= _QUIET_S:
                said = now
                left = f", {(total - done) / rate / 60:.0f} minutes left" if total and done else ""
                note(f"{text}: {shown}{left}")
            stop_if_interrupted()

        yield report


@contextlib.contextmanager
def download_bar(what: str) -> Iterator[Callable[[int, int | None], None]]:
    """Yield a function for the library to report a download to; shown once there is one."""
    with contextlib.ExitStack() as stack:
        show: Callable[[int, int | None], None] | None = None

        def report(done: int, total: int | None) -> None:
            nonlocal show
            if show is None:
                show = stack.enter_context(_downloading(what, total))
            show(done, total)

        yield report


@contextlib.contextmanager
def _downloading(what: str, total: int | None) -> Iterator[Callable[[int, int | None], None]]:
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TransferSpeedColumn

    text = f"downloading {what}"
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
    )
    with _progress(text, *columns) as progress:
        if progress is None:
            note(text + (f" ({mib(total)})" if total else "") + " ...")
            yield lambda _done, _total: None
            return
        task = progress.add_task(text, total=total)
        yield lambda done, total: progress.update(task, completed=done, total=total)


@contextlib.contextmanager
def _progress(text: str, *columns: ProgressColumn) -> Iterator[Progress | None]:
    """Yield a live display on stderr that vanishes at the end, or None on no terminal."""
    global _shown
    from rich.console import Console
    from rich.progress import Progress

    console = Console(file=open_stderr(), highlight=False, emoji=False)
    if not console.is_terminal:
        yield None
        return
    # The streams stay as they are: results must not wait for the display.
    with Progress(
        *columns,
        console=console,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
        refresh_per_second=5,
    ) as progress:
        before, _shown = _shown, progress
        try:
            yield progress
        finally:
            _shown = before


def _write(stream: TextIO, text: str) -> None:
    """Write at once, in one piece, whatever characters the stream's encoding lacks."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
    stream.flush()
