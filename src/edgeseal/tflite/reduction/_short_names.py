"""Names of tensors for people: converters put whole paths of modules there."""

from __future__ import annotations

__all__ = ["short_name"]

_LONGEST = 48


def short_name(name: str) -> str:
    """Return the end of a long name, which says most."""
    return name if len(name) <= _LONGEST else f"...{name[-_LONGEST:]}"
