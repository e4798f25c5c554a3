"""What someone may have meant who misspelled a name."""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Iterable

__all__ = ["did_you_mean"]


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """Return a question with the name that is nearest to another, or nothing if none is near.

    Of names that are as near, the one that begins like it is meant, marks left out: ``videoseal0``
    is nearer to ``videoseal_0.0`` than to ``videoseal_1.0``.
    """
    wanted = name.lower()
    near = difflib.get_close_matches(wanted, list(names), n=3)

    def nearness(known: str) -> tuple[float, int]:
        ratio = difflib.SequenceMatcher(None, wanted, known).ratio()
        pairs = zip(_letters(wanted), _letters(known), strict=False)
        return ratio, len(list(itertools.takewhile(lambda pair: pair[0] == pair[1], pairs)))

    return f"did you mean {max(near, key=nearness)}? " if near else ""


def _letters(name: str) -> str:
    return "".join(letter for letter in name if letter.isalnum())
