"""Detectors in PyTorch, from their checkpoints."""

from __future__ import annotations

from pathlib import Path

from edgeseal.errors import UsageError
from edgeseal.watermark import cards
from edgeseal.watermark.evaluate._engines import OpenDetector
from edgeseal.watermark.runtime import ModelInfo

__all__ = ["open_checkpoint"]


def open_checkpoint(path: Path, card: str | None) -> OpenDetector:
    """Open the detector in a checkpoint.

    Raises:
        UsageError: the card is missing or unknown.
        MissingExtraError: PyTorch is not installed.
        FileError, CheckpointError: the checkpoint cannot be read, or does not fit the card.
    """
    from edgeseal.watermark.models import TorchDetector, read_checkpoint

    if card is None:
        raise UsageError(f"{path}: a checkpoint does not say its card; give `card` CARD")
    chosen = cards.load_card(card)
    loaded = read_checkpoint(str(path), chosen).load(chosen, cards.Part.DETECTOR)
    info = ModelInfo(
        card=loaded.card.name,
        part=cards.Part.DETECTOR.value,
        recipe="PyTorch",
        bits=loaded.card.bits,
        image_size=loaded.card.image_size,
        checkpoint=str(path),
        checkpoint_sha256=loaded.provenance.sha256,
    )
    return OpenDetector(path, "PyTorch", info, TorchDetector(loaded.module))
