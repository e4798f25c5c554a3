"""Builds the network that a card describes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import MappingProxyType

import torch
from torch import nn

from edgeseal.cards import Card, CarrierSpec, Part, UNetSpec, ViTSpec
from edgeseal.errors import UsageError
from edgeseal.models._carrier import CarrierEmbedder
from edgeseal.models._unet import UNetEmbedder
from edgeseal.models._vit import ViTDetector

__all__ = [
    "LoadedPart",
    "Provenance",
    "build",
    "build_detector",
    "build_embedder",
    "random_weights",
]

_POSITION_STD = 0.2
_MAX_SEED = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where the weights of a model come from.

    Attributes:
        source: path or address as it was given, or ``random weights, seed N``.
        path: the file that was read; None for random weights.
        sha256: checksum of that file; None for random weights.
        args: the checkpoint's own record of its training; empty if it has none.
        unexpected: keys that nothing accounts for and that were allowed.
        seed: of random weights.
    """

    source: str
    path: Path | None = None
    sha256: str | None = None
    args: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))
    unexpected: tuple[str, ...] = ()
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class LoadedPart:
    """A network with weights, in evaluation mode, without gradients.

    Attributes:
        module: the network; float32 throughout.
        card: what it was built from.
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
    raise _unknown_family(card, Part.DETECTOR)


def build_embedder(card: Card) -> nn.Module:
    """Return the embedder: images float32 [B, C, H, W] and messages [B, bits] -> watermark.

    The watermark is float32 [B, C, H, W] in -1..1. C is the spec's number of channels.
    """
    spec = card.embedder
    if isinstance(spec, UNetSpec):
        return UNetEmbedder(bits=card.bits, **asdict(spec))
    if isinstance(spec, CarrierSpec):
        return CarrierEmbedder(bits=card.bits, image_size=card.image_size, **asdict(spec))
    raise _unknown_family(card, Part.EMBEDDER)


def random_weights(card: Card, part: Part, seed: int) -> LoadedPart:
    """Return a part with reproducible random weights, for work without a checkpoint.

    Weights are PyTorch's own initialisation, with two exceptions. Tables of absolute and relative
    positions start at zero, and zeros would hide every mistake in how they are used, so they are
    drawn with a standard deviation of 0.2. Carriers are drawn too, for the same reason.
    PyTorch's global random state is left as it was.

    Args:
        card: what to build.
        part: which of its networks.
        seed: 0 or more; the same seed gives the same weights.

    Raises:
        UsageError: the seed is out of range.
    """
    if not 0 <= seed <= _MAX_SEED:
        raise UsageError(f"seed: must be in 0..{_MAX_SEED}, is {seed}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = build(card, part)
        _draw_positions(module)
        if isinstance(module, CarrierEmbedder):
            _draw_carriers(module)
    provenance = Provenance(source=f"random weights, seed {seed}", seed=seed)
    return LoadedPart(module.requires_grad_(False), card, part, provenance)


def _draw_positions(module: nn.Module) -> None:
    """Fill the position tables of a transformer."""
    for name, parameter in module.named_parameters():
        if name.rpartition(".")[2] in ("pos_embed", "rel_pos_h", "rel_pos_w"):
            nn.init.normal_(parameter, std=_POSITION_STD)


def _draw_carriers(module: CarrierEmbedder) -> None:
    """Fill a carrier embedder with orthogonal noise patterns of unit RMS and matching filters."""
    shape = module.carriers.shape
    noise = torch.linalg.qr(torch.randn(shape[1:].numel(), shape[0])).Q.T
    module.carriers.copy_((noise * noise.shape[1] ** 0.5).reshape(shape))
    if not module.passes:
        return
    module.received.copy_(module.carriers.mean(1, keepdim=True))
    module.filters.copy_(module.received / shape[-1] ** 2)
    module.unmixing.copy_(torch.eye(shape[0]))


def _unknown_family(card: Card, part: Part) -> UsageError:
    return UsageError(
        f"card {card.name}: no {part.value} of family {card.spec(part).family!r} can be built"
    )
