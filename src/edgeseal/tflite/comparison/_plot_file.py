"""Writes the plot of a comparison to a file."""

from __future__ import annotations

from pathlib import Path

from edgeseal._files import write_text
from edgeseal.errors import UsageError
from edgeseal.tflite.comparison._compare import Comparison
from edgeseal.tflite.comparison._comparison_page import comparison_page
from edgeseal.tflite.comparison._comparison_plot import error_plot

__all__ = ["check_plot", "write_plot"]

_WRITERS = {".svg": error_plot, ".html": comparison_page}


def check_plot(path: Path) -> None:
    """Refuse a plot whose ending says nothing.

    Raises:
        UsageError: it is neither ``.svg`` nor ``.html``.
    """
    if path.suffix.lower() not in _WRITERS:
        raise UsageError(
            f"{path}: cannot write a plot of this ending; choose {' or '.join(_WRITERS)}"
        )


def write_plot(comparison: Comparison, path: Path, *, overwrite: bool = False) -> None:
    """Write the errors along the depth of the graph: the drawing alone, or a page around it.

    Args:
        comparison: what to show.
        path: a file ending in ``.svg`` or ``.html``.
        overwrite: whether to replace an existing file.

    Raises:
        UsageError: another ending.
        FileError: the file cannot be written, or exists and ``overwrite`` is False.
    """
    check_plot(path)
    content = _WRITERS[path.suffix.lower()](comparison)
    write_text(path, content, overwrite=overwrite)
