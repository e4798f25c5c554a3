"""The packages of the extra ``convert``: asked for before any work, loaded once."""

from __future__ import annotations

import importlib
import importlib.util

from edgeseal.cli._shared._console import busy
from edgeseal.errors import MissingExtraError

__all__ = ["load_converter", "require_conversion"]

_CONVERTER = ("torch",)


def require_conversion(what: str, *more: str) -> None:
    """Find out before any work whether PyTorch models can be converted here.

    Args:
        what: needs it.
        more: packages of the extra that it needs beside PyTorch.

    Raises:
        MissingExtraError: a package of the extra ``convert`` is not installed.
    """
    for package in (*_CONVERTER, *more):
        if importlib.util.find_spec(package) is None:
            raise MissingExtraError(what, "convert")


def load_converter(*more: str) -> None:
    """Import PyTorch, and ``more`` of the extra ``convert``, which takes seconds and prints a lot.

    An interrupt while they are imported is swallowed now and then; it ends the command here.

    Raises:
        KeyboardInterrupt: there was an interrupt.
    """
    from edgeseal._native import native_output_held_back

    quiet = native_output_held_back(stdout=True, show_on_failure=False)
    with busy("loading PyTorch"), quiet:
        for package in (*_CONVERTER, *more):
            importlib.import_module(package)
