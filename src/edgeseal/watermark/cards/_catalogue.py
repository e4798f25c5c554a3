"""The cards that ship with Edgeseal."""

from __future__ import annotations

import functools
from importlib import resources

from edgeseal._did_you_mean import did_you_mean
from edgeseal.errors import UsageError
from edgeseal.watermark.cards._card import Card

__all__ = ["card_names", "load_card"]

_SUFFIX = ".json"


def card_names() -> tuple[str, ...]:
    """Return the names of all known cards, sorted."""
    names = (entry.name for entry in (resources.files(__package__) / "data").iterdir())
    return tuple(sorted(name.removesuffix(_SUFFIX) for name in names if name.endswith(_SUFFIX)))


@functools.cache
def load_card(name: str) -> Card:
    """Return a card by its name.

    Args:
        name: for example ``videoseal_0.0`` or ``reference``.

    Raises:
        UsageError: there is no such card; the message lists those there are.
    """
    names = card_names()
    if name not in names:
        raise UsageError(
            f"unknown card {name!r}; {did_you_mean(name, names)}known cards: {', '.join(names)}"
        )
    entry = resources.files(__package__) / "data" / (name + _SUFFIX)
    return Card.from_json(entry.read_text(encoding="utf-8"), origin=f"card {name}")
