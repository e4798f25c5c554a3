"""What a job says while it works; nothing, unless someone listens."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

__all__ = ["SILENT", "CountProgress", "Progress"]

CountProgress = Callable[[int, int | None], None]
"""Called with how much is done and, where it is known, how much there is."""


class Progress:
    """Takes what a job says while it works, and drops it.

    The library's functions take one as ``progress``. To listen, override what is of interest; the
    command line draws all of it on stderr.
    """

    def note(self, text: str) -> None:
        """Take a line that people should read: a warning, or one source of many that failed."""

    def busy(self, text: str) -> AbstractContextManager[Callable[[str], None]]:
        """Hear of a step that takes a while; yields what takes a new text for it."""
        return nullcontext(lambda _text: None)

    def pictures(self, text: str, total: int) -> AbstractContextManager[Callable[[], None]]:
        """Hear of work on many pictures; yields what is called after each."""
        return nullcontext(lambda: None)

    def frames(self, text: str, unit: str = "frames") -> AbstractContextManager[CountProgress]:
        """Hear of work on a video, or on many units; yields what is called after each."""
        return nullcontext(lambda _done, _total: None)

    def download(self, text: str) -> AbstractContextManager[CountProgress]:
        """Hear of a download, once there is one; yields what is called with bytes."""
        return nullcontext(lambda _done, _total: None)


SILENT = Progress()
"""Says nothing."""
