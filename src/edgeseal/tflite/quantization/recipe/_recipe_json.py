"""Recipes as JSON: strict, and with every problem said at once."""

from __future__ import annotations

import dataclasses
import enum
import json
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from edgeseal._documents import DocumentError, parse_json
from edgeseal.errors import UsageError
from edgeseal.tflite.quantization.recipe._recipe import (
    Activations,
    Methods,
    Place,
    Precision,
    Recipe,
    Rule,
    WeightType,
)

__all__ = ["recipe_from_json", "recipe_to_json"]

_SCHEMA_VERSION = 1
_FIELDS = ("schema_version", "name", "summary", "rules", "methods")
_RULE_FIELDS = ("weights", "activations", "kinds", "names", "places", "optional")

E = TypeVar("E", bound=enum.Enum)


def recipe_to_json(recipe: Recipe) -> str:
    """Return the JSON text that :func:`recipe_from_json` reads."""
    record = {
        "schema_version": _SCHEMA_VERSION,
        "name": recipe.name,
        "summary": recipe.summary,
        "rules": [_rule_record(rule) for rule in recipe.rules],
        "methods": {
            name: value.value if isinstance(value, enum.Enum) else value
            for name, value in dataclasses.asdict(recipe.methods).items()
        },
    }
    return json.dumps(record, indent=2) + "\n"


def recipe_from_json(text: str | bytes) -> Recipe:
    """Read a recipe.

    Raises:
        UsageError: the text is no JSON, has another schema version, lacks a field, or has one
            that is unknown or cannot be used; all problems are listed.
    """
    try:
        record = parse_json(text)
    except DocumentError as error:
        raise UsageError(f"the recipe is no JSON: {error}") from error
    if not isinstance(record, dict):
        raise UsageError(f"the recipe must be a JSON object, got {_named(record)}")
    version = record.get("schema_version")
    if version != _SCHEMA_VERSION or isinstance(version, bool):
        raise UsageError(
            f"the recipe has schema_version {version!r}, expected {_SCHEMA_VERSION}; write it for "
            "this edgeseal, or install the one that it was written for"
        )
    reader = _Reader()
    recipe = reader.recipe(record)
    if reader.problems or recipe is None:
        raise UsageError("\n  ".join(["the recipe cannot be used:", *reader.problems]))
    return recipe


def _rule_record(rule: Rule) -> dict[str, object]:
    record: dict[str, object] = {}
    if rule.kinds:
        record["kinds"] = list(rule.kinds)
    if rule.names:
        record["names"] = list(rule.names)
    if rule.places:
        record["places"] = [place.value for place in rule.places]
    record["weights"] = rule.precision.weights.value
    record["activations"] = rule.precision.activations.value
    if rule.optional:
        record["optional"] = True
    return record


class _Reader:
    """Reads the fields of a record and notes what is wrong with them."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def recipe(self, record: dict[str, Any]) -> Recipe | None:
        self._refuse_unknown("", record, _FIELDS)
        name = self._text("name", record.get("name"))
        if name is not None and not _is_file_name(name):
            self.problems.append(
                f"name becomes part of file names: letters, digits, '.', '_' and '-' only, got "
                f"{name!r}"
            )
        summary = self._text("summary", record.get("summary"))
        rules = self._rules(record.get("rules"))
        methods = self._methods(record.get("methods", {}))
        if name is None or summary is None or methods is None:
            return None
        return Recipe(name, summary, rules, methods)

    def _rules(self, value: object) -> tuple[Rule, ...]:
        if not isinstance(value, list) or not value:
            self.problems.append(f"rules must be a list of one rule or more, got {_named(value)}")
            return ()
        found = [self._rule(f"rules[{index}]", record) for index, record in enumerate(value)]
        return tuple(rule for rule in found if rule is not None)

    def _rule(self, where: str, record: object) -> Rule | None:
        if not isinstance(record, dict):
            self.problems.append(f"{where} must be an object, got {_named(record)}")
            return None
        self._refuse_unknown(f"{where}.", record, _RULE_FIELDS)
        weights = self._choice(f"{where}.weights", record.get("weights"), WeightType)
        activations = self._choice(f"{where}.activations", record.get("activations"), Activations)
        kinds = self._patterns(f"{where}.kinds", record.get("kinds", []))
        names = self._patterns(f"{where}.names", record.get("names", []))
        places = self._places(f"{where}.places", record.get("places", []))
        optional = record.get("optional", False)
        if not isinstance(optional, bool):
            self.problems.append(f"{where}.optional must be true or false, got {_named(optional)}")
        if weights is None or activations is None:
            return None
        try:
            return Rule(Precision(weights, activations), kinds, names, optional is True, places)
        except UsageError as error:
            self.problems.append(f"{where}: {error}")
            return None

    def _methods(self, record: object) -> Methods | None:
        if not isinstance(record, dict):
            self.problems.append(f"methods must be an object, got {_named(record)}")
            return None
        defaults = {f.name: getattr(Methods(), f.name) for f in dataclasses.fields(Methods)}
        self._refuse_unknown("methods.", record, defaults)
        chosen = {
            name: self._like(f"methods.{name}", record[name], default)
            for name, default in defaults.items()
            if name in record
        }
        try:
            return Methods(**{name: value for name, value in chosen.items() if value is not None})
        except UsageError as error:
            self.problems.append(str(error))
            return None

    def _like(self, where: str, value: object, default: object) -> Any:
        """Return the value if it has the default's type, else note the problem."""
        if isinstance(default, enum.Enum):
            return self._choice(where, value, type(default))
        if isinstance(default, bool):
            return self._typed(where, value, isinstance(value, bool), "true or false")
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if isinstance(default, int):
            return self._typed(where, value, is_number and isinstance(value, int), "an integer")
        if isinstance(default, float):
            return self._typed(where, value, is_number, "a number")
        return self._text(where, value)

    def _typed(self, where: str, value: object, fits: bool, expected: str) -> object:
        if fits:
            return value
        self.problems.append(f"{where} must be {expected}, got {_named(value)}")
        return None

    def _choice(self, where: str, value: object, choices: type[E]) -> E | None:
        known = {choice.value: choice for choice in choices}
        if isinstance(value, str) and value in known:
            return known[value]
        expected = ", ".join(known)
        self.problems.append(f"{where} must be one of {expected}; got {_named(value)}")
        return None

    def _patterns(self, where: str, value: object) -> tuple[str, ...]:
        if isinstance(value, list) and all(isinstance(item, str) and item for item in value):
            return tuple(value)
        self.problems.append(f"{where} must be a list of patterns, got {_named(value)}")
        return ()

    def _places(self, where: str, value: object) -> tuple[Place, ...]:
        if not isinstance(value, list):
            self.problems.append(f"{where} must be a list of places, got {_named(value)}")
            return ()
        found = [self._choice(f"{where}[{index}]", item, Place) for index, item in enumerate(value)]
        return tuple(place for place in found if place is not None)

    def _text(self, where: str, value: object) -> str | None:
        if isinstance(value, str) and value.strip():
            return value
        self.problems.append(f"{where} must be a text, got {_named(value)}")
        return None

    def _refuse_unknown(
        self, prefix: str, record: Mapping[str, object], known: Iterable[str]
    ) -> None:
        expected = list(known)
        self.problems += [
            f"{prefix}{name} is no field of a recipe; known there: {', '.join(expected)}"
            for name in record
            if name not in expected
        ]


def _is_file_name(name: str) -> bool:
    kept = name.replace(".", "").replace("_", "").replace("-", "")
    return kept.isascii() and kept.isalnum() and name[0] not in ".-"


def _named(value: object) -> str:
    """Return a value for a message: short, and nothing for what is missing."""
    if value is None:
        return "nothing"
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
