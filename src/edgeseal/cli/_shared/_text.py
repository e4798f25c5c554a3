"""Text for people."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

__all__ = ["in_options", "mib", "option_names", "printable"]

_QUOTED = re.compile(r"`(\w+)`")


def mib(size_bytes: int) -> str:
    """Return a size for people."""
    return f"{size_bytes / 2**20:.2f} MiB"


def printable(text: str) -> str:
    """Return text in which nothing steers a terminal: file names may hold any character."""
    return "".join(
        letter
        if letter.isprintable() or letter == "\n"
        else letter.encode("unicode_escape").decode()
        for letter in text
    )


def option_names(command: Any) -> dict[str, str]:
    """Return what to type for each argument of a verb, by the name that Python has for it."""
    return {
        parameter.name: max(parameter.opts, key=len)
        if parameter.param_type_name == "option"
        else parameter.metavar or parameter.name.upper()
        for parameter in command.params
    }


def in_options(text: str, names: Mapping[str, str]) -> str:
    """Return a message of the library with options in place of Python's names for them.

    The library quotes the names of its arguments: `` `save_ranges` `` becomes ``--save-ranges``.
    """
    return _QUOTED.sub(lambda match: names.get(match[1], match[0]), text)
