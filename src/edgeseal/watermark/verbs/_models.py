"""Lists the model cards."""

from __future__ import annotations

from dataclasses import dataclass

from edgeseal.watermark import cards
from edgeseal.watermark.cards import Card
from edgeseal.watermark.models import CheckpointState, Where, checkpoint_state

__all__ = ["KnownModel", "KnownModels", "models"]


@dataclass(frozen=True, slots=True)
class KnownModel:
    """A model card, and where its checkpoint is.

    Attributes:
        card: the card.
        checkpoint: what is known of its own checkpoint without fetching it.
    """

    card: Card
    checkpoint: CheckpointState

    @property
    def state(self) -> str:
        """Whether the checkpoint is here; a bundled one cannot be downloaded, but be missing."""
        if self.checkpoint.where is not Where.ABSENT:
            return str(self.checkpoint.where.value)
        is_bundled = self.checkpoint.source.startswith("package:")
        return "missing" if is_bundled else "not downloaded"

    def to_json(self) -> dict[str, object]:
        """Return everything, for ``json.dumps``."""
        card, state = self.card, self.checkpoint
        names = ["name", "title", "bits", "image_size", "licence"]
        names += ["detector_parameters", "embedder_parameters"]
        checkpoint = {
            "state": self.state,
            "source": state.source,
            "path": str(state.path) if state.size_bytes else None,
            "size_bytes": state.size_bytes,
            "sha256": state.sha256,
        }
        return {name: getattr(card, name) for name in names} | {"checkpoint": checkpoint}


@dataclass(frozen=True, slots=True)
class KnownModels:
    """The model cards that ship with Edgeseal."""

    cards: tuple[KnownModel, ...]

    @property
    def is_good(self) -> bool:
        """Always: there is nothing that could fail."""
        return True

    def to_json(self) -> dict[str, object]:
        """Return everything, for ``json.dumps``."""
        return {"cards": [known.to_json() for known in self.cards]}

    def __str__(self) -> str:
        """Return a line for each."""
        return "\n".join(
            f"{one.card.name}: {one.card.bits} bits, {one.card.licence}, {one.state}"
            for one in self.cards
        )


def models() -> KnownModels:
    """Return the model cards, and where their checkpoints are; what ``edgeseal models`` lists."""
    found = map(cards.load_card, cards.card_names())
    return KnownModels(tuple(KnownModel(card, checkpoint_state(card)) for card in found))
