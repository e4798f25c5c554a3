"""The packages of the extra ``evaluate``."""

from __future__ import annotations

import importlib.util

from edgeseal.errors import MissingExtraError

__all__ = ["require_evaluation"]

_PACKAGES = ("jinja2", "scipy", "skimage")


def require_evaluation(what: str) -> None:
    """Find out before any work whether pictures can be evaluated here.

    Raises:
        MissingExtraError: a package of the extra ``evaluate`` is not installed.
    """
    for package in _PACKAGES:
        try:
            is_there = importlib.util.find_spec(package) is not None
        except ValueError:  # blocked, as in our tests
            is_there = False
        if not is_there:
            raise MissingExtraError(what, "evaluate")
