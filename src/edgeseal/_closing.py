"""What is closed at the end of ``with``."""

from __future__ import annotations

from typing import TypeVar

__all__ = ["Closing"]

_Self = TypeVar("_Self", bound="Closing")


class Closing:
    """Has a method ``close``, which the end of ``with`` calls, whatever happened."""

    def close(self) -> None:
        """Give back what is held; once more does nothing."""
        raise NotImplementedError

    def __enter__(self: _Self) -> _Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
