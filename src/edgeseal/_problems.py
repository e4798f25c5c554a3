"""What is wrong with the arguments of a job, all of it said together."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from edgeseal.errors import EdgesealError, FileError, UsageError

__all__ = ["Problems"]


class Problems:
    """Collects errors, so that none hides another."""

    def __init__(self) -> None:
        self._found: list[EdgesealError] = []

    @contextlib.contextmanager
    def collected(self) -> Iterator[None]:
        """Keep a :class:`UsageError` or :class:`FileError` of the body for later."""
        try:
            yield
        except (UsageError, FileError) as problem:
            self._found.append(problem)

    def add(self, text: str) -> None:
        """Keep a problem that is none of another function's."""
        self._found.append(UsageError(text))

    def expect_at_least(self, least: int, **values: float | None) -> None:
        """Collect each of the named arguments that is less, or no number; None is not given."""
        for name, value in values.items():
            if value is not None and not value >= least:
                self.add(f"`{name}`: expected {least} or more, got {value:g}")

    def check(self) -> None:
        """Raise what was collected.

        Raises:
            UsageError, FileError: the only problem as it was, or all of them in one.
        """
        if len(self._found) == 1:
            raise self._found[0]
        if self._found:
            raise UsageError("\n  ".join(map(str, self._found)))
