"""Keeps exporters and quantizers from talking about themselves."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator

from edgeseal._native import native_output_held_back

__all__ = ["quiet"]


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Hold back warnings and output, native code included, unless the body fails."""
    with warnings.catch_warnings(), native_output_held_back(stdout=True, show_on_failure=True):
        warnings.simplefilter("ignore")
        yield
