"""JSON and YAML that anybody may have written, read within limits.

What lies beyond them would end in a recursion without end, in all of the memory, or in a number
that no text can be made of; here it is a :class:`DocumentError`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from edgeseal._files import open_regular
from edgeseal.errors import FileError

__all__ = ["DocumentError", "check_bounds", "parse_json", "parse_yaml", "read_document"]

_LARGEST_BYTES = 256 << 20
_LARGEST_YAML_BYTES = 256 << 10  # its reader takes seconds for that
_DEEPEST = 64
_DIGITS = 20  # of any 64 bits
_MOST_ALIASES = 16  # YAML: aliases of aliases multiply


class DocumentError(ValueError):
    """A text that is no document, or one beyond the limits."""


def read_document(path: Path, *, limit_bytes: int = _LARGEST_BYTES) -> bytes:
    """Return what a file of text holds.

    Raises:
        FileError: there is none, it is a pipe or a device, or it is longer than the limit.
    """
    with open_regular(path) as file:
        try:
            content = file.read(limit_bytes + 1)
        except OSError as error:
            raise FileError(f"{path}: cannot be read ({error.strerror})") from error
    if len(content) > limit_bytes:
        raise FileError(f"{path}: expected {limit_bytes} bytes or less, it has more")
    return content


def parse_json(text: str | bytes, *, allow_nan: bool = False) -> Any:
    """Return what ``json.loads`` would.

    Args:
        text: the document.
        allow_nan: whether NaN and Infinity count as numbers.

    Raises:
        DocumentError: it is no JSON, or beyond the limits.
    """
    if len(text) > _LARGEST_BYTES:
        raise DocumentError(f"expected {_LARGEST_BYTES} bytes or less, got {len(text)}")
    constant: Callable[[str], float] = float if allow_nan else _refused_constant
    try:
        value = json.loads(text, parse_int=_integer, parse_float=_real, parse_constant=constant)
    except RecursionError:
        raise DocumentError(_TOO_DEEP) from None
    except DocumentError:
        raise
    except UnicodeDecodeError as error:
        raise DocumentError(f"no text in UTF-8 at byte {error.start}") from error
    except ValueError as error:
        raise DocumentError(str(error)) from error
    check_bounds(value)
    return value


def parse_yaml(text: str) -> Any:
    """Return what ``yaml.safe_load`` would.

    Raises:
        DocumentError: it is no YAML, or beyond the limits.
        ModuleNotFoundError: PyYAML is not installed.
    """
    import yaml

    if len(text) > _LARGEST_YAML_BYTES:
        raise DocumentError(f"expected {_LARGEST_YAML_BYTES} characters or less, got {len(text)}")
    depth = aliases = 0
    try:
        for event in yaml.parse(text, yaml.SafeLoader):
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            aliases += isinstance(event, yaml.AliasEvent)
            if depth > _DEEPEST:
                raise DocumentError(_TOO_DEEP)
            if aliases > _MOST_ALIASES:
                raise DocumentError(f"has more than {_MOST_ALIASES} aliases")
        value = yaml.safe_load(text)
    except DocumentError:
        raise
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        raise DocumentError(" ".join(str(error).split())) from error
    check_bounds(value)
    return value


def check_bounds(value: object) -> None:
    """Refuse values that are nested deeper, or integers that have more digits, than any need.

    Raises:
        DocumentError: there is one.
    """
    waiting = [(value, 0)]
    while waiting:
        found, depth = waiting.pop()
        if depth > _DEEPEST:
            raise DocumentError(_TOO_DEEP)
        if isinstance(found, Mapping):
            waiting += ((one, depth + 1) for pair in found.items() for one in pair)
        elif isinstance(found, list | tuple):
            waiting += ((one, depth + 1) for one in found)
        elif isinstance(found, int) and abs(found) >= 10**_DIGITS:
            raise DocumentError(_TOO_LONG)


_TOO_DEEP = f"is nested deeper than {_DEEPEST} levels"
_TOO_LONG = f"has an integer of more than {_DIGITS} digits"


def _integer(digits: str) -> int:
    if len(digits) > _DIGITS + 1:
        raise DocumentError(_TOO_LONG)
    return int(digits)


def _real(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise DocumentError("has a number beyond those of 64 bits")
    return value


def _refused_constant(name: str) -> float:
    raise DocumentError(f"has {name}, which is no number of JSON")
