"""Between JSON values and the frozen dataclasses of a card, checked field by field."""

from __future__ import annotations

import dataclasses
import types
from typing import Any, Union, get_args, get_origin, get_type_hints

__all__ = ["plain", "read_fields"]

_NAMES = {str: "a text", int: "an integer", float: "a number", bool: "true or false"}


def read_fields(
    cls: type, data: dict[str, object], where: str, problems: list[str]
) -> dict[str, Any]:
    """Return the constructor arguments of a dataclass from a JSON object.

    Args:
        cls: the dataclass; its annotations say what is expected.
        data: the decoded JSON object.
        where: dotted prefix of the fields in messages; empty at the top.
        problems: takes a line for each missing, unknown or wrong field.

    Returns:
        The arguments, incomplete if problems were found.
    """
    hints = get_type_hints(cls)
    known = {field.name: field for field in dataclasses.fields(cls)}
    problems.extend(f"{where}{name}: unknown field" for name in data if name not in known)
    values: dict[str, Any] = {}
    for name, field in known.items():
        if name in data:
            values[name] = _read_value(hints[name], data[name], where + name, problems)
        elif field.default is dataclasses.MISSING:
            problems.append(f"{where}{name}: missing")
    return values


def plain(value: object) -> object:
    """Return a card's value as what :mod:`json` can write; a spec begins with its family."""
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    if dataclasses.is_dataclass(value):
        names = [field.name for field in dataclasses.fields(value)]
        family = {"family": value.family} if hasattr(value, "family") else {}
        return family | {name: plain(getattr(value, name)) for name in names}
    return value


def _read_value(hint: Any, value: object, where: str, problems: list[str]) -> Any:
    choices = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    if value is None and type(None) in choices:
        return None
    choices = tuple(choice for choice in choices if choice is not type(None))
    if dataclasses.is_dataclass(choices[0]):
        return _read_object(choices, value, where, problems)
    if get_origin(choices[0]) is tuple:
        return _read_list(get_args(choices[0])[0], value, where, problems)
    return _read_scalar(choices[0], value, where, problems)


def _read_scalar(kind: type, value: object, where: str, problems: list[str]) -> object:
    accepted = (int, float) if kind is float else (kind,)
    if type(value) in accepted:
        return float(value) if kind is float else value  # type: ignore[arg-type]
    problems.append(f"{where}: must be {_NAMES[kind]}, is {value!r}")
    return None


def _read_list(kind: type, value: object, where: str, problems: list[str]) -> object:
    if not isinstance(value, list):
        problems.append(f"{where}: must be a list, is {value!r}")
        return None
    items = enumerate(value)
    return tuple(_read_scalar(kind, item, f"{where}[{i}]", problems) for i, item in items)


def _read_object(classes: tuple[Any, ...], value: object, where: str, problems: list[str]) -> Any:
    if not isinstance(value, dict):
        problems.append(f"{where}: must be an object, is {value!r}")
        return None
    data = dict(value)
    cls = classes[0]
    if hasattr(cls, "family"):
        families = {candidate.family: candidate for candidate in classes}
        family = data.pop("family", None)
        if not isinstance(family, str) or family not in families:
            expected = ", ".join(families)
            problems.append(f"{where}.family: must be one of {expected}, is {family!r}")
            return None
        cls = families[family]
    before = len(problems)
    values = read_fields(cls, data, f"{where}.", problems)
    return cls(**values) if len(problems) == before else None
