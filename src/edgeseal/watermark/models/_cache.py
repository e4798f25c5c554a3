"""The small records beside cached files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from edgeseal._documents import DocumentError, parse_json, read_document
from edgeseal._files import write_text
from edgeseal.errors import FileError

__all__ = ["Progress", "read_record", "record_path", "write_record"]

Progress: TypeAlias = Callable[[int, int | None], None]
"""Called with the bytes that are there and the total, None if the server does not say."""

_SCHEMA_VERSION = 1


def read_record(path: Path) -> str | None:
    """Return the checksum that was recorded when a cached file was downloaded, if any."""
    try:
        record = parse_json(read_document(record_path(path)))
    except (FileError, DocumentError):
        return None
    good = isinstance(record, dict) and record.get("schema_version") == _SCHEMA_VERSION
    found = record.get("sha256") if good else None
    return found if isinstance(found, str) else None


def write_record(path: Path, url: str, sha256: str) -> None:
    """Record the checksum of a cached file beside it."""
    record = {"schema_version": _SCHEMA_VERSION, "url": url, "sha256": sha256}
    write_text(record_path(path), json.dumps(record, indent=2) + "\n", overwrite=True)


def record_path(path: Path) -> Path:
    """Return where the checksum of a cached file is kept."""
    return path.with_name(path.name + ".json")
