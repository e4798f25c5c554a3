"""The weights that a ``.tflite`` file was made from, for the other engines."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgeseal.errors import UsageError
from edgeseal.watermark.cards import Part, load_card

if TYPE_CHECKING:
    from edgeseal.watermark.models import LoadedPart
    from edgeseal.watermark.runtime import ModelInfo

__all__ = ["PeerWeights", "weights_of"]


@dataclass(frozen=True, slots=True)
class PeerWeights:
    """Where a part's weights are.

    Attributes:
        card: name of the model card.
        part: which network.
        checkpoint: path or address; None for random weights.
        seed: of random weights; None for a checkpoint.
    """

    card: str
    part: Part
    checkpoint: str | None
    seed: int | None

    def __str__(self) -> str:
        source = f"seed {self.seed}" if self.checkpoint is None else Path(self.checkpoint).name
        return f"{self.card} {self.part.value} ({source})"

    def load(self) -> LoadedPart:
        """Return the network.

        Raises:
            CheckpointError: the checkpoint cannot be read or does not fit the card.
            MissingExtraError: torch is not installed.
        """
        from edgeseal.watermark.models import load_checkpoint, random_weights

        card = load_card(self.card)
        if self.seed is not None:
            return random_weights(card, self.part, self.seed)
        return load_checkpoint(self.checkpoint, card, self.part)


def weights_of(info: ModelInfo, checkpoint: str | None) -> PeerWeights:
    """Return what a file was made from, by its description.

    Args:
        info: the file's description.
        checkpoint: where that checkpoint is now; None for random weights and for a card's own.

    Raises:
        UsageError: a checkpoint is needed, or it is not the one that the file was made from.
    """
    part = Part(info.part)
    if info.random_seed is not None:
        if checkpoint is not None:
            raise UsageError(
                f"--checkpoint {checkpoint}: the model was made from random weights, seed "
                f"{info.random_seed}; leave the option out"
            )
        return PeerWeights(info.card, part, None, info.random_seed)
    source = checkpoint or load_card(info.card).checkpoint.source
    _check_checksum(source, info, given=checkpoint is not None)
    return PeerWeights(info.card, part, source, None)


def _check_checksum(source: str, info: ModelInfo, *, given: bool) -> None:
    from edgeseal.watermark.models import fetch

    resolved = fetch(source, load_card(info.card))
    if info.checkpoint_sha256 is not None and resolved.sha256 != info.checkpoint_sha256:
        hint = "give that file" if given else "give it with --checkpoint"
        raise UsageError(
            f"{source}: is not the checkpoint that the model was made from ({info.checkpoint}, "
            f"SHA-256 {info.checkpoint_sha256[:12]}..., got {resolved.sha256[:12]}...); {hint}"
        )
