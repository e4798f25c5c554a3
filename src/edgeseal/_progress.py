"""What a job says while it works; nothing, unless someone listens."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

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

    @contextlib.contextmanager
    def busy(self, text: str) -> Iterator[Callable[[str], None]]:
        """Hear of a step that takes a while; yields what takes a new text for it."""
        yield lambda _text: None

    @contextlib.contextmanager
    def pictures(self, text: str, total: int) -> Iterator[Callable[[], None]]:
        """Hear of work on many pictures; yields what is called after each."""
        yield lambda: None

    @contextlib.contextmanager
    def frames(self, text: str) -> Iterator[CountProgress]:
        """Hear of work on a video; yields what is called after each frame."""
        yield lambda _done, _total: None

    @contextlib.contextmanager
    def download(self, text: str) -> Iterator[CountProgress]:
        """Hear of a download, once there is one; yields what is called with bytes."""
        yield lambda _done, _total: None


SILENT = Progress()
"""Says nothing."""
