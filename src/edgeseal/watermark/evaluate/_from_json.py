"""Frozen dataclasses from JSON: strict in what is needed, deaf to what is not known."""

from __future__ import annotations

import dataclasses
import types
import typing
from typing import Any, TypeVar

from edgeseal.errors import UsageError

__all__ = ["from_record"]

T = TypeVar("T")


def from_record(kind: type[T], value: object, where: str = "report") -> T:
    """Return a dataclass with what ``dataclasses.asdict`` and JSON made of it.

    Args:
        kind: a dataclass of numbers, texts, other such dataclasses, tuples and dicts of them.
        value: what ``json.loads`` returned.
        where: what messages call it.

    Raises:
        UsageError: something is missing or of another type.
    """
    result: T = _convert(kind, value, where)
    return result


def _convert(kind: Any, value: object, where: str) -> Any:
    if dataclasses.is_dataclass(kind):
        return _dataclass(kind, value, where)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        if value is None and type(None) in arguments:
            return None
        return _convert(next(one for one in arguments if one is not type(None)), value, where)
    if origin is tuple:
        items = _expect(value, list, where)
        return tuple(_convert(arguments[0], v, f"{where}[{i}]") for i, v in enumerate(items))
    if origin is dict:
        entries = _expect(value, dict, where)
        return {name: _convert(arguments[1], v, f"{where}.{name}") for name, v in entries.items()}
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    return _expect(value, kind, where)


def _dataclass(kind: Any, value: object, where: str) -> Any:
    record = _expect(value, dict, where)
    hints = typing.get_type_hints(kind)
    fields = [field for field in dataclasses.fields(kind) if field.name in record]
    return_values = {
        f.name: _convert(hints[f.name], record[f.name], f"{where}.{f.name}") for f in fields
    }
    missing = [
        field.name
        for field in dataclasses.fields(kind)
        if field.name not in record
        and field.default is dataclasses.MISSING
        and field.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise UsageError(f"{where}: lacks {', '.join(missing)}")
    return kind(**return_values)


def _expect(value: object, kind: Any, where: str) -> Any:
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise UsageError(f"{where}: expected {kind.__name__}, got {type(value).__name__}")
    return value
