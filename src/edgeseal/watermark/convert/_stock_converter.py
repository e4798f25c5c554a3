"""litert-torch, for comparison: the one place that calls it."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from edgeseal._leftovers import scratch_folder
from edgeseal._native import native_output_held_back
from edgeseal.errors import MissingExtraError
from edgeseal.tflite.graph import Model, read_model

__all__ = ["to_litert"]


def to_litert(module: nn.Module, sample: Sequence[Tensor]) -> Model:
    """Convert a module with litert-torch.

    Args:
        module: takes and returns tensors of fixed shapes.
        sample: arguments of those shapes.

    Raises:
        MissingExtraError: litert-torch is not installed.
    """
    with scratch_folder() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = folder / "raw.tflite"
        with native_output_held_back(stdout=True, show_on_failure=True):
            _litert_torch().convert(module, tuple(sample)).export(str(path))
        return read_model(path)


def _litert_torch() -> Any:
    try:
        import litert_torch
    except ModuleNotFoundError as error:
        raise MissingExtraError("converting a PyTorch model", "convert") from error
    return litert_torch
