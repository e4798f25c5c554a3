"""Keeps exporters and quantizers from talking about themselves, to the user and to their makers."""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Iterator

from edgeseal._native import native_output_held_back

__all__ = ["quiet"]

_NOT_A_USER = "CI"  # where this variable says true, Intel's packages report nothing


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Hold back warnings and output, native code included, unless the body fails.

    Usage reports are not sent: OpenVINO and NNCF would send them to their makers without asking,
    and for each fork this process, with all the threads that PyTorch and others have in it. NNCF
    decides when it is imported, so that belongs into the body.
    """
    with (
        warnings.catch_warnings(),
        native_output_held_back(stdout=True, show_on_failure=True),
        _not_a_user(),
    ):
        warnings.simplefilter("ignore")
        yield


@contextlib.contextmanager
def _not_a_user() -> Iterator[None]:
    before = os.environ.get(_NOT_A_USER)
    os.environ[_NOT_A_USER] = "true"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_NOT_A_USER]
        else:
            os.environ[_NOT_A_USER] = before
