"""Checksums of cached files and the small records beside them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from edgeseal._files import replacing

__all__ = ["Progress", "read_record", "sha256_of", "write_record"]

Progress: TypeAlias = Callable[[int, int | None], None]
"""Called with the bytes that are there and the total, None if the server does not say."""

_SCHEMA_VERSION = 1
_BLOCK_BYTES = 1 << 20


def sha256_of(path: Path) -> str:
    """Return a file's SHA-256 as hexadecimal digits.

    Raises:
        OSError: it cannot be read.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def read_record(path: Path) -> str | None:
    """Return the checksum that was recorded when a cached file was downloaded, if any."""
    try:
        record = json.loads(_record_path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    good = isinstance(record, dict) and record.get("schema_version") == _SCHEMA_VERSION
    found = record.get("sha256") if good else None
    return found if isinstance(found, str) else None


def write_record(path: Path, url: str, sha256: str) -> None:
    """Record the checksum of a cached file beside it."""
    record = {"schema_version": _SCHEMA_VERSION, "url": url, "sha256": sha256}
    with replacing(_record_path(path), overwrite=True) as temporary:
        temporary.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def _record_path(path: Path) -> Path:
    return path.with_name(path.name + ".json")
