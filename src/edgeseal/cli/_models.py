"""``edgeseal models``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgeseal.cli._shared._console import (
    mib,
    new_table,
    print_json,
    print_table,
    print_text,
    printable,
)
from edgeseal.cli._shared._options import JsonOption

if TYPE_CHECKING:
    from edgeseal.watermark.cards import Card
    from edgeseal.watermark.models import CheckpointState

__all__ = ["models"]


def models(
    as_json: JsonOption = False,
) -> None:
    """List the model cards, and where their checkpoints are."""
    from edgeseal.watermark.cards import card_names, load_card
    from edgeseal.watermark.models import checkpoint_state

    known = [(card, checkpoint_state(card)) for card in map(load_card, card_names())]
    if as_json:
        print_json("models", {"cards": [_record(card, state) for card, state in known]})
        return
    table = new_table(
        "card", "bits", "detector", "embedder", "licence", "checkpoint", "size",
        right=("bits", "detector", "embedder", "size"),
    )  # fmt: skip
    for card, state in known:
        counts = card.detector_parameters, card.embedder_parameters
        size = mib(state.size_bytes) if state.size_bytes else ""
        row = [
            card.name,
            str(card.bits),
            *map(_millions, counts),
            card.licence,
            _where(state),
            size,
        ]
        table.add_row(*row)
    print_table(table)
    for card, state in known:
        here = f" -> {state.path}" if state.size_bytes else ""
        print_text(printable(f"{card.name}: {state.source}{here}"))


def _record(card: Card, state: CheckpointState) -> dict[str, object]:
    return {
        "name": card.name,
        "title": card.title,
        "bits": card.bits,
        "image_size": card.image_size,
        "licence": card.licence,
        "detector_parameters": card.detector_parameters,
        "embedder_parameters": card.embedder_parameters,
        "checkpoint": {
            "state": _where(state),
            "source": state.source,
            "path": str(state.path) if state.size_bytes else None,
            "size_bytes": state.size_bytes,
            "sha256": state.sha256,
        },
    }


def _where(state: CheckpointState) -> str:
    """Name the state; a bundled checkpoint cannot be downloaded, so it is missing instead."""
    from edgeseal.watermark.models import Where

    if state.where is Where.ABSENT:
        return "missing" if state.source.startswith("package:") else "not downloaded"
    return str(state.where.value)


def _millions(count: int | None) -> str:
    return "?" if count is None else f"{count / 1e6:.2f} M"
