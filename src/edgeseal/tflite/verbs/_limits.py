"""Limits as they are given, and as the rooms take them."""

from __future__ import annotations

__all__ = ["bytes_of"]


def bytes_of(size_mib: float | None) -> int | None:
    """Return a size in bytes; None stays None."""
    return None if size_mib is None else int(size_mib * 2**20)
