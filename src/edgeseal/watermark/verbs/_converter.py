"""The packages of the extras that convert and prune: asked for before any work, loaded once."""

from __future__ import annotations

import importlib
import importlib.util

from edgeseal._native import native_output_held_back
from edgeseal._progress import Progress
from edgeseal.errors import MissingExtraError

__all__ = ["STOCK", "load_converter", "require_packages"]

STOCK = ("litert_torch", "ai_edge_quantizer")
"""Packages of the stock way from PyTorch to LiteRT."""


def require_packages(what: str, *more: str, extra: str = "convert") -> None:
    """Find out before any work whether PyTorch models can be worked on here.

    Args:
        what: needs it.
        more: packages that it needs beside PyTorch.
        extra: that has them.

    Raises:
        MissingExtraError: one is not installed.
    """
    if any(importlib.util.find_spec(package) is None for package in ("torch", *more)):
        raise MissingExtraError(what, extra)


def load_converter(progress: Progress, *more: str) -> None:
    """Import PyTorch, and ``more``, which takes seconds and prints a lot."""
    quiet = native_output_held_back(stdout=True, show_on_failure=False)
    with progress.busy("loading PyTorch"), quiet:
        for package in ("torch", *more):
            importlib.import_module(package)
