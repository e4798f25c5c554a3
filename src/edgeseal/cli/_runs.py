"""What needs to be there for a command, and whether its result runs."""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path

from edgeseal.cli._console import busy
from edgeseal.errors import MissingExtraError

__all__ = ["load_converter", "require_conversion", "runtime_refusal"]

_CONVERTER = ("torch", "litert_torch")


def require_conversion(what: str) -> None:
    """Find out before any work whether PyTorch models can be converted here.

    Raises:
        MissingExtraError: a package of the extra ``convert`` is not installed.
    """
    for package in _CONVERTER:
        if importlib.util.find_spec(package) is None:
            raise MissingExtraError(what, "convert")


def load_converter() -> None:
    """Import the packages of the extra ``convert``, which takes seconds and prints a lot.

    An interrupt while they are imported is swallowed now and then; it ends the command here.

    Raises:
        KeyboardInterrupt: there was an interrupt.
    """
    from edgeseal._native import native_output_held_back

    with busy("loading PyTorch and LiteRT's converter"):
        with native_output_held_back(show_on_failure=False):
            for package in _CONVERTER:
                importlib.import_module(package)


def runtime_refusal(path: Path) -> str | None:
    """Return LiteRT's own words if it cannot prepare a model of any kind, or None if it can."""
    from ai_edge_litert.interpreter import Interpreter

    from edgeseal._native import native_output_held_back

    try:
        with native_output_held_back(show_on_failure=False):
            Interpreter(model_path=str(path), num_threads=1).allocate_tensors()
    except (RuntimeError, ValueError) as error:
        return str(error).strip()
    return None
