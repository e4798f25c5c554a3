"""PyTorch definitions of the watermark models, and their checkpoints.

Names that need torch are imported on first use, so that asking where a checkpoint is
(:func:`checkpoint_state`) or fetching it (:func:`fetch`) works in a base install.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from edgeseal.errors import MissingExtraError
from edgeseal.watermark.models._fetch import (
    CheckpointState,
    Progress,
    Resolved,
    Where,
    cache_folder,
    checkpoint_state,
    fetch,
)

if TYPE_CHECKING:
    from edgeseal.watermark.models._build import (
        LoadedPart,
        Provenance,
        build,
        build_detector,
        build_embedder,
    )
    from edgeseal.watermark.models._carrier import CarrierEmbedder
    from edgeseal.watermark.models._checkpoint import Checkpoint, load_checkpoint, read_checkpoint
    from edgeseal.watermark.models._convnext import ConvNeXtDetector
    from edgeseal.watermark.models._inference import TorchDetector
    from edgeseal.watermark.models._random import random_weights
    from edgeseal.watermark.models._unet import UNetEmbedder
    from edgeseal.watermark.models._vit import ViTDetector, relative_positions

__all__ = [
    "CarrierEmbedder",
    "Checkpoint",
    "CheckpointState",
    "ConvNeXtDetector",
    "LoadedPart",
    "Progress",
    "Provenance",
    "Resolved",
    "TorchDetector",
    "UNetEmbedder",
    "ViTDetector",
    "Where",
    "build",
    "build_detector",
    "build_embedder",
    "cache_folder",
    "checkpoint_state",
    "fetch",
    "load_checkpoint",
    "random_weights",
    "read_checkpoint",
    "relative_positions",
]

_NEEDS_TORCH = {
    "CarrierEmbedder": "_carrier",
    "Checkpoint": "_checkpoint",
    "ConvNeXtDetector": "_convnext",
    "LoadedPart": "_build",
    "Provenance": "_build",
    "TorchDetector": "_inference",
    "UNetEmbedder": "_unet",
    "ViTDetector": "_vit",
    "build": "_build",
    "build_detector": "_build",
    "build_embedder": "_build",
    "load_checkpoint": "_checkpoint",
    "random_weights": "_random",
    "read_checkpoint": "_checkpoint",
    "relative_positions": "_vit",
}


def __getattr__(name: str) -> object:
    """Import a name that needs torch (PEP 562).

    Raises:
        AttributeError: there is no such name.
        MissingExtraError: torch is not installed.
    """
    if name not in _NEEDS_TORCH:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        module = importlib.import_module(f"{__name__}.{_NEEDS_TORCH[name]}")
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise MissingExtraError("working with PyTorch checkpoints", "convert") from error
    value = getattr(module, name)
    globals()[name] = value
    return value
