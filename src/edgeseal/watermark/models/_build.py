"""Builds the network that a card describes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import MappingProxyType

from torch import nn

from edgeseal.errors import UsageError
from edgeseal.watermark.cards import Card, CarrierSpec, ConvNeXtSpec, Part, UNetSpec, ViTSpec
from edgeseal.watermark.models._carrier import CarrierEmbedder
from edgeseal.watermark.models._convnext import ConvNeXtDetector
from edgeseal.watermark.models._unet import UNetEmbedder
from edgeseal.watermark.models._vit import ViTDetector

__all__ = [
    "LoadedPart",
    "Provenance",
    "build",
    "build_detector",
    "build_embedder",
]


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where the weights of a model come from.

    Attributes:
        source: path or address as it was given, or ``random weights, seed N``.
        path: the file that was read; None for random weights.
        sha256: checksum of that file; None for random weights.
        args: the checkpoint's own record of its training; empty if it has none.
        adopted: what of the card the record changed, one line each.
        unexpected: keys that nothing accounts for and that were allowed.
        seed: of random weights.
    """

    source: str
    path: Path | None = None
    sha256: str | None = None
    args: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))
    adopted: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class LoadedPart:
    """A network with weights, in evaluation mode, without gradients.

    Attributes:
        module: the network; float32 throughout.
        card: what it was built from, with what the checkpoint's own record changes.
        part: which of the two networks it is.
        provenance: where its weights come from.
    """

    module: nn.Module
    card: Card
    part: Part
    provenance: Provenance


def build(card: Card, part: Part) -> nn.Module:
    """Return a part of a model with PyTorch's initial weights, in evaluation mode."""
    module = build_detector(card) if part is Part.DETECTOR else build_embedder(card)
    return module.eval()


def build_detector(card: Card) -> nn.Module:
    """Return the detector: images float32 [B, 3, H, W], RGB, 0..1 -> logits [B, 1 + bits]."""
    spec = card.detector
    if isinstance(spec, ViTSpec):
        return ViTDetector(bits=card.bits, image_size=card.image_size, **asdict(spec))
    if isinstance(spec, ConvNeXtSpec):
        return ConvNeXtDetector(bits=card.bits, **asdict(spec))
    raise _unknown_family(card, Part.DETECTOR)


def build_embedder(card: Card) -> nn.Module:
    """Return the embedder: images float32 [B, 3, H, W] and messages [B, bits] -> watermark.

    The watermark is float32 [B, C, H, W] in -1..1, where C is 3, or 1 for one that is added to
    red, green and blue alike.
    """
    spec = card.embedder
    if isinstance(spec, UNetSpec):
        return UNetEmbedder(bits=card.bits, **asdict(spec))
    if isinstance(spec, CarrierSpec):
        return CarrierEmbedder(bits=card.bits, image_size=card.image_size, **asdict(spec))
    raise _unknown_family(card, Part.EMBEDDER)


def _unknown_family(card: Card, part: Part) -> UsageError:
    return UsageError(
        f"card {card.name}: no {part.value} of family {card.spec(part).family!r} can be built"
    )
