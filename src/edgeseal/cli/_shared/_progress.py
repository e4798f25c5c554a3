"""What the library says while it works, drawn on stderr."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from edgeseal._progress import CountProgress, Progress
from edgeseal.cli._shared._console import busy, download_bar, frame_bar, note, picture_bar

__all__ = ["ConsoleProgress"]


class ConsoleProgress(Progress):
    """Prints notes and draws bars."""

    def note(self, text: str) -> None:
        """Print a line."""
        note(text)

    def busy(self, text: str) -> AbstractContextManager[Callable[[str], None]]:
        """Show a step."""
        return busy(text)

    def pictures(self, text: str, total: int) -> AbstractContextManager[Callable[[], None]]:
        """Show a bar."""
        return picture_bar(text, total)

    def frames(self, text: str, unit: str = "frames") -> AbstractContextManager[CountProgress]:
        """Show a bar."""
        return frame_bar(text, unit)

    def download(self, text: str) -> AbstractContextManager[CountProgress]:
        """Show a bar."""
        return download_bar(text)
