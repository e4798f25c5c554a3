"""Random weights that hide no mistake, for work without a checkpoint."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from edgeseal.errors import UsageError
from edgeseal.watermark.cards import Card, Part
from edgeseal.watermark.models._build import LoadedPart, Provenance, build
from edgeseal.watermark.models._carrier import CarrierEmbedder
from edgeseal.watermark.models._convnext import GlobalResponseNorm
from edgeseal.watermark.models._unet import UNetEmbedder

__all__ = ["random_weights"]

_STD = 0.2
_MAX_SEED = 2**63 - 1
_SAMPLES = 4
_LATENT_SIDE = 8


def random_weights(card: Card, part: Part, seed: int) -> LoadedPart:
    """Return a part with reproducible random weights, for work without a checkpoint.

    Weights are PyTorch's own initialisation, except where that would hide every mistake in how
    they are used. Tables of absolute and relative positions and global response norms start at
    zero and are drawn with a standard deviation of 0.2; batch norms are moved by as much, and their
    statistics are those of random pictures. Carriers are drawn too.
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
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        module = build(card, part)
        _draw_positions(module)
        _draw_norms(module)
        if isinstance(module, CarrierEmbedder):
            _draw_carriers(module)
        if isinstance(module, UNetEmbedder):
            _measure_batch_norms(module, card.bits)
    provenance = Provenance(source=f"random weights, seed {seed}", seed=seed)
    return LoadedPart(module.requires_grad_(False), card, part, provenance)


def _draw_positions(module: nn.Module) -> None:
    """Fill the position tables of a transformer."""
    for name, parameter in module.named_parameters():
        if name.rpartition(".")[2] in ("pos_embed", "rel_pos_h", "rel_pos_w"):
            nn.init.normal_(parameter, std=_STD)


def _draw_norms(module: nn.Module) -> None:
    """Fill global response norms and move batch norms off their neutral values."""
    for norm in module.modules():
        if isinstance(norm, GlobalResponseNorm):
            nn.init.normal_(norm.gamma, std=_STD)
            nn.init.normal_(norm.beta, std=_STD)
        elif isinstance(norm, nn.BatchNorm2d):
            nn.init.normal_(norm.weight, mean=1.0, std=_STD)
            nn.init.normal_(norm.bias, std=_STD)


def _measure_batch_norms(embedder: UNetEmbedder, bits: int) -> None:
    """Give batch norms the statistics of random pictures and messages.

    With the neutral ones nothing would be normalised, and the picture and the message would fade
    away from block to block.
    """
    norms = [norm for norm in embedder.modules() if isinstance(norm, nn.BatchNorm2d)]
    if not norms:
        return
    for norm in norms:
        norm.momentum = None  # the average over all batches; there is one
    side = _LATENT_SIDE << len(embedder.unet.downs)
    messages = torch.randint(0, 2, (_SAMPLES, bits))
    embedder.train()(_random_pictures(side), messages)
    embedder.eval()


def _random_pictures(side: int) -> Tensor:
    """Return pictures float32 [_SAMPLES, 3, side, side], RGB, 0..1, as detailed at every scale."""
    total = torch.zeros(_SAMPLES, 3, side, side)
    for exponent in range(1, side.bit_length()):
        noise = torch.randn(_SAMPLES, 3, 1 << exponent, 1 << exponent)
        total += F.interpolate(noise, size=(side, side), mode="bilinear", align_corners=False)
    return (0.5 + _STD * total / total.std()).clamp(0, 1)


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
