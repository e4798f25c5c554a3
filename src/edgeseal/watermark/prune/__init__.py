"""Cuts heads and channels out of a detector and lets it recover from the original."""

from edgeseal.errors import MissingExtraError

try:
    import torch  # noqa: F401
except ModuleNotFoundError as error:
    raise MissingExtraError("pruning a PyTorch model", "prune") from error

from edgeseal.watermark.prune._distill import DistillationSettings, Fidelity
from edgeseal.watermark.prune._prune import GroupWidth, Pruned, prune, write_pruned

__all__ = ["DistillationSettings", "Fidelity", "GroupWidth", "Pruned", "prune", "write_pruned"]
