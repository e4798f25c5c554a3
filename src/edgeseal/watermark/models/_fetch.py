"""Finds a checkpoint: a path, a file of the package, or an address, downloaded once and kept."""

from __future__ import annotations

import enum
import hashlib
import os
import re
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from urllib.parse import unquote, urlsplit

from filelock import FileLock, Timeout

from edgeseal._cache_folder import CACHE_VARIABLE, cache_folder
from edgeseal._files import sha256_of
from edgeseal.errors import CheckpointError, DownloadError, FileError, UsageError
from edgeseal.watermark.cards import Card
from edgeseal.watermark.models._cache import Progress, read_record, write_record
from edgeseal.watermark.models._download import download

__all__ = [
    "CheckpointState",
    "Progress",
    "Resolved",
    "Where",
    "cache_folder",
    "checkpoint_state",
    "fetch",
]

_PACKAGE = "package:"
_TIMEOUT_S = 30.0
_LOCK_TIMEOUT_S = 3600.0
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):(?!\\)")


@dataclass(frozen=True, slots=True)
class Resolved:
    """A checkpoint file on this machine.

    Attributes:
        source: path or address as it was given.
        path: the file.
        sha256: its checksum, as hexadecimal digits.
    """

    source: str
    path: Path
    sha256: str


class Where(enum.Enum):
    """Whether a card's own checkpoint is on this machine."""

    BUNDLED = "bundled"
    CACHED = "cached"
    PARTIAL = "partial"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class CheckpointState:
    """What is known of a card's own checkpoint without fetching it.

    Attributes:
        where: whether it is here.
        source: its address.
        path: where it is, or would be.
        size_bytes: bytes that are here; 0 if absent.
        sha256: its checksum according to the card, or as recorded on download; None if unknown.
    """

    where: Where
    source: str
    path: Path
    size_bytes: int
    sha256: str | None


def fetch(
    source: str | os.PathLike[str] | None,
    card: Card | None = None,
    *,
    sha256: str | None = None,
    progress: Progress | None = None,
    timeout_s: float = _TIMEOUT_S,
) -> Resolved:
    """Return a checkpoint as a file on this machine, downloading it if needed.

    A download is kept in :func:`cache_folder`. If it is interrupted, the next call goes on where it
    stopped. Its checksum is compared with the card's; where there is none, the checksum of the
    first download is recorded, and every later use is compared with it.

    Args:
        source: a path, an ``http(s)://`` address, ``package:NAME``, or None for the card's own.
        card: names its own checkpoint and that one's checksum.
        sha256: checksum to insist on, for any kind of source; the card's own if None.
        progress: called with the bytes that are there and the total (None if not known).
        timeout_s: seconds without an answer after which a download is given up.

    Raises:
        UsageError: neither a source nor a card, or an address of another scheme.
        CheckpointError: there is no such file, or it has the wrong checksum.
        DownloadError: the address cannot be reached, the download broke off, or it has the wrong
            checksum.
    """
    if source is None:
        if card is None:
            raise UsageError("no checkpoint given; name a file, an address or a card")
        source = card.checkpoint.source
    if card is not None and sha256 is None and source == card.checkpoint.source:
        sha256 = card.checkpoint.sha256
    if isinstance(source, str):
        if _is_address(source):
            return _fetch_address(source, sha256, progress, timeout_s)
        if source.startswith(_PACKAGE):
            return _open_local(source, _package_file(source), sha256, "reinstall Edgeseal")
    return _open_local(os.fspath(source), Path(source), sha256)


def checkpoint_state(card: Card) -> CheckpointState:
    """Say where a card's own checkpoint is, without network access and without reading it."""
    source, sha256 = card.checkpoint.source, card.checkpoint.sha256
    if source.startswith(_PACKAGE):
        path = _package_file(source)
        size = path.stat().st_size if path.is_file() else 0
        where = Where.BUNDLED if size else Where.ABSENT
        return CheckpointState(where, source, path, size, sha256)
    path = _cache_path(source)
    partial = path.with_name(path.name + ".part")
    if path.is_file():
        recorded = sha256 or read_record(path)
        return CheckpointState(Where.CACHED, source, path, path.stat().st_size, recorded)
    if partial.is_file():
        return CheckpointState(Where.PARTIAL, source, path, partial.stat().st_size, sha256)
    return CheckpointState(Where.ABSENT, source, path, 0, sha256)


def _is_address(source: str) -> bool:
    """Tell an address from a path.

    Raises:
        UsageError: an address of a scheme that is not fetched, or without a host.
    """
    match = _SCHEME.match(source)
    if match is None or source.startswith(_PACKAGE) or Path(source).exists():
        return False
    if match[1].lower() not in ("http", "https"):
        raise UsageError(
            f"{source}: addresses of scheme {match[1]!r} are not fetched; give an http(s):// "
            "address or the path of a file"
        )
    try:
        parts = urlsplit(source)
        good = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        good = False
    if not good or any(letter.isspace() for letter in source):
        raise UsageError(f"{source!r}: is no usable address; expected http(s)://HOST/FILE")
    return True


def _fetch_address(
    url: str, sha256: str | None, progress: Progress | None, timeout_s: float
) -> Resolved:
    """Return a cached download, fetched now if it is not there. One process at a time."""
    path = _cache_path(url)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{path}.lock", timeout=_LOCK_TIMEOUT_S):
            if not path.exists():
                found = download(url, path, sha256=sha256, progress=progress, timeout_s=timeout_s)
                return Resolved(url, path, found)
            return Resolved(url, path, _verify_cached(path, url, sha256))
    except Timeout as error:
        raise DownloadError(
            f"{path}: another process has been downloading this for an hour; wait for it or end it"
        ) from error
    except (OSError, FileError) as error:
        raise DownloadError(
            f"{path}: the download cannot be kept here ({error}); "
            f"set {CACHE_VARIABLE} to a folder that can be written and has room"
        ) from error


def _verify_cached(path: Path, url: str, sha256: str | None) -> str:
    """Return the checksum of a cached file, which must be the known or the recorded one."""
    found = sha256_of(path)
    recorded = read_record(path)
    expected = sha256 or recorded
    if expected is not None and found != expected:
        raise DownloadError(
            f"{path}: the cached copy of {url} has changed or is not the right file: SHA-256 "
            f"{expected} expected, {found} found; delete it to download it again"
        )
    if recorded is None:
        write_record(path, url, found)
    return found


def _open_local(
    source: str, path: Path, sha256: str | None, advice: str = "check the path of the checkpoint"
) -> Resolved:
    """Return a file of this machine with its checksum."""
    if path.is_dir():
        raise CheckpointError(f"{path}: is a folder; give the checkpoint file in it")
    try:
        found = sha256_of(path)
    except FileNotFoundError as error:
        raise CheckpointError(f"{path}: no such file; {advice}") from error
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror or error})") from error
    if sha256 is not None and found != sha256:
        raise CheckpointError(
            f"{path}: has the wrong checksum: SHA-256 {sha256} expected, {found} found"
        )
    return Resolved(source, path, found)


def _package_file(source: str) -> Path:
    """Return the path of a file that ships in ``edgeseal/data``."""
    name = source.removeprefix(_PACKAGE)
    if not re.fullmatch(r"[\w-][\w.-]*", name):
        raise UsageError(f"{source}: expected package:NAME, the name of a file of the package")
    return Path(str(resources.files("edgeseal") / "data" / name))


def _cache_path(url: str) -> Path:
    """Return where a download is kept: the address's hash keeps equal file names apart."""
    name = re.sub(r"[^\w.-]", "_", Path(unquote(urlsplit(url).path)).name)[-80:] or "checkpoint"
    key = hashlib.sha256(url.encode()).hexdigest()[:12]
    return cache_folder() / "checkpoints" / f"{key}-{name}"
