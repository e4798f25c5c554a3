"""Where the weights of a card come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgeseal._progress import Progress
from edgeseal.errors import UsageError
from edgeseal.watermark.cards import Card, Part

if TYPE_CHECKING:
    from edgeseal.watermark.models import Checkpoint, LoadedPart

__all__ = ["Weights"]


@dataclass(frozen=True, slots=True)
class Weights:
    """What to load the parts of a model from.

    Attributes:
        checkpoint: path or address; the card's own if None.
        seed: of random weights instead, or None.
        allow_unexpected: whether to leave out tensors that nothing accounts for.
    """

    checkpoint: str | Path | None
    seed: int | None
    allow_unexpected: bool = False

    def check(self) -> None:
        """Refuse two sources.

        Raises:
            UsageError: there are two.
        """
        if self.checkpoint is not None and self.seed is not None:
            raise UsageError("`checkpoint` and `random_weights` contradict each other; give one")

    def open(self, card: Card, progress: Progress) -> Checkpoint:
        """Read the checkpoint.

        Raises:
            CheckpointError, DownloadError: it cannot be read or fetched.
        """
        from edgeseal.watermark.models import read_checkpoint

        source = str(self.checkpoint or card.checkpoint.source)
        with progress.download(source) as report:
            return read_checkpoint(source, card, progress=report)

    def load(self, card: Card, parts: Sequence[Part], progress: Progress) -> list[LoadedPart]:
        """Load parts, and tell what a checkpoint says of itself.

        Raises:
            CheckpointError, DownloadError: the checkpoint cannot be used or fetched.
        """
        from edgeseal.watermark.models import random_weights

        if self.seed is not None:
            return [random_weights(card, part, self.seed) for part in parts]
        opened = self.open(card, progress)
        loaded = [opened.load(card, part, allow_unexpected=self.allow_unexpected) for part in parts]
        for line in dict.fromkeys(line for one in loaded for line in one.provenance.adopted):
            progress.note(f"as the checkpoint records: {line}")
        for one in loaded:
            if one.provenance.unexpected:
                progress.note(f"left out, as allowed: {', '.join(one.provenance.unexpected)}")
        return loaded
