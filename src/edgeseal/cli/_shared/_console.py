"""Results go to stdout, as text or as JSON; progress, notes and errors go to stderr.

rich is imported only when there is something to draw.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TextIO

from edgeseal.cli._shared._interrupt import stop_if_interrupted

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, ProgressColumn
    from rich.table import Table

__all__ = [
    "SCHEMA_VERSION",
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
    "print_table",
    "print_text",
    "printable",
]

SCHEMA_VERSION = 1
"""Of everything that ``--json`` prints."""

_stderr_copy: TextIO | None = None
_shown: Progress | None = None  # what is drawn on the terminal now


def print_json(command: str, content: Mapping[str, object]) -> None:
    """Print a result for programs; nothing else may go to stdout with it."""
    record = {"schema_version": SCHEMA_VERSION, "command": command, **content}
    sys.stdout.write(json.dumps(record, indent=2, allow_nan=False) + "\n")


def print_text(text: str) -> None:
    """Print a line of a result."""
    _write(sys.stdout, printable(text) + "\n")


def new_table(*columns: str, right: tuple[str, ...] = ()) -> Table:
    """Return an empty table whose cells are not markup; ``right`` names columns of numbers."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for column in columns:
        is_number = column in right
        table.add_column(column, justify="right" if is_number else "left", overflow="fold")
    return table


def print_table(table: Table) -> None:
    """Print a table as wide as it needs to be: paths and messages stay whole, to be copied."""
    from rich.console import Console

    console = Console(file=sys.stdout, markup=False, highlight=False, emoji=False)
    console.width = max(20, console.measure(table, options=_unlimited(console)).maximum)
    with console.capture() as captured:
        console.print(table)
    lines = (line.rstrip() for line in captured.get().splitlines())
    _write(sys.stdout, "\n".join(line for line in lines if line) + "\n")


def note(text: str) -> None:
    """Print a line of progress or a warning, above what is drawn at the time."""
    if _shown is None:
        _write(open_stderr(), printable(text) + "\n")
    else:
        _shown.console.print(printable(text), markup=False, highlight=False, soft_wrap=True)


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
def frame_bar(text: str) -> Iterator[Callable[[int, int | None], None]]:
    """Yield a function for the library to report frames to, shown with their number a second."""
    from rich.progress import BarColumn, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[frames]}"),
        TimeRemainingColumn(),
    )
    with _progress(text, *columns) as progress:
        if progress is None:
            yield lambda _done, _total: None
            return
        task = progress.add_task(printable(text), total=None, frames="")
        began = time.monotonic()

        def report(done: int, total: int | None) -> None:
            rate = done / max(1e-9, time.monotonic() - began)
            of_all = f"/{total}" if total else ""
            shown = f"{done}{of_all} frames, {rate:.1f}/s"
            progress.update(task, completed=done, total=total, frames=shown)

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


def mib(size_bytes: int) -> str:
    """Return a size for people."""
    return f"{size_bytes / 2**20:.2f} MiB"


def printable(text: str) -> str:
    """Return text in which nothing steers a terminal: file names may hold any character."""
    return "".join(
        letter
        if letter.isprintable() or letter == "\n"
        else letter.encode("unicode_escape").decode()
        for letter in text
    )


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


def _unlimited(console: Console) -> Any:
    return console.options.update(width=100_000, max_width=100_000)


def _write(stream: TextIO, text: str) -> None:
    """Write at once, in one piece, whatever characters the stream's encoding lacks."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
    stream.flush()
