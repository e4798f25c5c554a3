"""Keeps exporters and quantizers from talking about themselves, to the user and to their makers."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator

from edgeseal._native import native_output_held_back
from edgeseal.watermark._peer_sessions import without_usage_reports

__all__ = ["quiet"]


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Hold back warnings and output, native code included, unless the body fails.

    Usage reports are not sent: packages that would are imported in the body.
    """
    with (
        warnings.catch_warnings(),
        native_output_held_back(stdout=True, show_on_failure=True),
        without_usage_reports(),
    ):
        warnings.simplefilter("ignore")
        yield
