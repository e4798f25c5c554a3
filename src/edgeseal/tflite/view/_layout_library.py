"""The graph layout library that the page carries: dagre, from the package XStatic-Dagre."""

from __future__ import annotations

import importlib.resources
import re
from dataclasses import dataclass

from edgeseal.errors import MissingExtraError

__all__ = ["Library", "layout_library", "require_library"]

_PACKAGE = "xstatic.pkg.dagre"
_COPYRIGHT = re.compile(r"/\*(?:(?!\*/).)*Copyright.*?\*/", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Library:
    """A library of JavaScript.

    Attributes:
        licences: its notices and those of what it includes, each a comment.
        script: defines ``window.dagre``.
    """

    licences: str
    script: str


def layout_library() -> Library:
    """Return the layout library as it is installed.

    Raises:
        MissingExtraError: it is not.
    """
    try:
        folder = importlib.resources.files(_PACKAGE) / "data"
        script = (folder / "dagre.min.js").read_text(encoding="utf-8")
        # The small form has lost the licences that its parts ask to be kept.
        whole = (folder / "dagre.js").read_text(encoding="utf-8")
    except (ModuleNotFoundError, FileNotFoundError) as error:
        raise MissingExtraError("edgeseal inspect --html", "view") from error
    return Library("\n".join(dict.fromkeys(_COPYRIGHT.findall(whole))), script)


def require_library() -> None:
    """Find out before any work whether pages can be made.

    Raises:
        MissingExtraError: the layout library is not installed.
    """
    layout_library()
