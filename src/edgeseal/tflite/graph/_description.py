"""The entry of a model's metadata in which Edgeseal says what the model is: a JSON object."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from edgeseal._documents import DocumentError, parse_json
from edgeseal.errors import ModelError
from edgeseal.tflite.graph._model import Model

__all__ = ["DESCRIPTION", "parse_description", "read_description", "write_description"]

DESCRIPTION = "edgeseal"
"""Name of the metadata entry."""


def read_description(model: Model) -> dict[str, Any] | None:
    """Return what a model says of itself; None if it says nothing.

    Raises:
        ModelError: the entry is no JSON object.
    """
    blob = model.metadata.get(DESCRIPTION)
    return None if blob is None else parse_description(blob)


def write_description(model: Model, record: Mapping[str, Any]) -> None:
    """Put a description into a model, in the place of the one that it may have."""
    model.metadata[DESCRIPTION] = json.dumps(record, indent=1, sort_keys=True).encode()


def parse_description(text: str | bytes) -> dict[str, Any]:
    """Read a description.

    Raises:
        ModelError: the text is no JSON object.
    """
    try:
        record = parse_json(text)
    except DocumentError as error:
        raise ModelError(f"the description of the model is no JSON: {error}") from error
    if not isinstance(record, dict):
        raise ModelError(
            f"the description of the model: expected a JSON object, got {type(record).__name__}"
        )
    return record
