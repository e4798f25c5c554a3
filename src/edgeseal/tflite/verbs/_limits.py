"""Limits as they are given, and as the rooms take them."""

from __future__ import annotations

__all__ = ["bytes_of", "device_limit_s"]


def bytes_of(size_mib: float | None) -> int | None:
    """Return a size in bytes; None stays None."""
    return None if size_mib is None else int(size_mib * 2**20)


def device_limit_s(timeout_s: float) -> float:
    """Return the longest time for a device: an emulator takes a minute for a large picture."""
    return 10 * timeout_s
