"""``edgeseal models``."""

from __future__ import annotations

from edgeseal.cli._shared._console import mib, new_table, print_result, print_table
from edgeseal.cli._shared._options import JsonOption

__all__ = ["models"]


def models(
    as_json: JsonOption = False,
) -> None:
    """List the model cards, and where their checkpoints are."""
    import edgeseal

    known = edgeseal.models()

    def show() -> None:
        numbers = ("bits", "detector", "embedder", "size")
        columns = ("card", *numbers[:3], "licence", "checkpoint", "size", "where it is")
        table = new_table(*columns, right=numbers, texts=("where it is",))
        for one in known.cards:
            card, state = one.card, one.checkpoint
            counts = map(_millions, (card.detector_parameters, card.embedder_parameters))
            size = mib(state.size_bytes) if state.size_bytes else None
            here = f" -> {state.path}" if state.size_bytes else ""
            place = f"{state.source}{here}"
            table.add_row(card.name, card.bits, *counts, card.licence, one.state, size, place)
        print_table(table)

    print_result("models", known, as_json=as_json, show=show)


def _millions(count: int | None) -> str:
    return "?" if count is None else f"{count / 1e6:.2f} M"
