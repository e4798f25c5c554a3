"""One resumable HTTP download into a file."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import ssl
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from email.message import Message
from pathlib import Path
from typing import IO, Any

from edgeseal._documents import DocumentError, parse_json, read_document
from edgeseal._files import sha256_of, write_text
from edgeseal.errors import DownloadError, FileError
from edgeseal.watermark.models._cache import Progress, read_record, record_path, write_record

__all__ = ["download"]

_BLOCK_BYTES = 1 << 18
_BY_HAND = "or download it by hand and give its path: `checkpoint` PATH"


@dataclass(frozen=True, slots=True)
class _Part:
    """What is known of a half-downloaded file: without a validator it cannot be continued."""

    validator: str | None
    total: int | None


def download(
    url: str, path: Path, *, sha256: str | None, progress: Progress | None, timeout_s: float
) -> str:
    """Download an address to ``path`` and return the SHA-256; the caller holds the lock.

    The bytes go to ``path`` + ``.part``, which is kept when the connection breaks, and takes the
    name of ``path`` when all are there and the checksum is right.

    Raises:
        DownloadError: no connection, an HTTP error, too few bytes, or the wrong checksum.
        OSError: the file system refuses.
    """
    partial = path.with_name(path.name + ".part")
    with _reporting_network_errors(url, partial):
        _receive(url, partial, progress, timeout_s)
    found = sha256_of(partial)
    if sha256 is not None and found != sha256:
        _discard(partial)
        raise DownloadError(
            f"{url}: the download has the wrong checksum and was deleted: SHA-256 {sha256} "
            f"expected, {found} found; the file on the server is another one than the card's"
        )
    if sha256 is None:
        _check_unknown(url, path, partial, found)
    write_record(path, url, found)
    partial.replace(path)
    _note_path(partial).unlink(missing_ok=True)
    return found


def _check_unknown(url: str, path: Path, partial: Path, sha256: str) -> None:
    """Refuse a download that no card knows, if it is no checkpoint or not what it was before."""
    recorded = read_record(path)
    if recorded is not None and sha256 != recorded:
        _discard(partial)
        raise DownloadError(
            f"{url}: is another file than before: SHA-256 {recorded} expected, {sha256} found; to "
            f"take it all the same, delete {record_path(path)} first"
        )
    with partial.open("rb") as file:
        head = file.read(64)
    is_archive = head.startswith(b"PK") and zipfile.is_zipfile(partial)
    if not is_archive and not head.startswith(b"\x80"):  # nor a pickle
        _discard(partial)
        raise DownloadError(
            f"{url}: what the server sent is no PyTorch checkpoint, or not all of one, and was "
            f"deleted; it begins with {head[:16]!r}; check the address, {_BY_HAND}"
        )


def _receive(url: str, partial: Path, progress: Progress | None, timeout_s: float) -> None:
    """Bring ``partial`` to its full length, from where it stopped if the server can."""
    note = _read_note(partial)
    start = _resumable_bytes(partial, note)
    headers = {"User-Agent": "edgeseal"}
    if start and note is not None and note.validator is not None:
        headers |= {"Range": f"bytes={start}-", "If-Range": note.validator}
    request = urllib.request.Request(url, headers=headers)
    try:
        response = _opener().open(request, timeout=timeout_s)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code != http.client.REQUESTED_RANGE_NOT_SATISFIABLE or not start:
            raise
        _discard(partial)
        return _receive(url, partial, progress, timeout_s)
    with response:
        if response.status != http.client.PARTIAL_CONTENT:
            start = 0
        elif not start or note is None or not _continues(response.headers, start, note):
            _discard(partial)
            raise DownloadError(
                f"{url}: the server sent another range or another file than was asked for; "
                "run the same command again to start over"
            )
        total = _total_bytes(response.headers, start)
        _write_note(partial, _Part(_validator(response.headers), total))
        done = _append(response, partial, start, total, progress)
    if total is not None and done != total:
        raise DownloadError(
            f"{url}: the connection ended after {done} of {total} bytes. "
            f"They are kept in {partial}; run the same command again to continue"
        )


def _append(
    response: Any, partial: Path, start: int, total: int | None, progress: Progress | None
) -> int:
    """Write a response behind the first ``start`` bytes and return the length reached."""
    with partial.open("r+b" if partial.exists() else "wb") as file:
        file.truncate(start)
        file.seek(start)
        done = start
        if progress is not None:
            progress(done, total)
        while block := response.read(_BLOCK_BYTES):
            file.write(block)
            done += len(block)
            if progress is not None:
                progress(done, total)
        file.flush()
        os.fsync(file.fileno())
    return done


@contextlib.contextmanager
def _reporting_network_errors(url: str, partial: Path) -> Iterator[None]:
    """Turn what the network does into one :class:`DownloadError`; the disk's errors pass."""
    try:
        yield
    except urllib.error.HTTPError as error:
        raise DownloadError(
            f"{url}: the server answered {error.code} {error.reason}; check the address, {_BY_HAND}"
        ) from error
    except urllib.error.URLError as error:
        raise DownloadError(
            f"{url}: cannot be reached ({error.reason}); check the network and the address, "
            f"{_BY_HAND}"
        ) from error
    except (ConnectionError, TimeoutError, ssl.SSLError, http.client.HTTPException) as error:
        kept = partial.stat().st_size if partial.exists() else 0
        raise DownloadError(
            f"{url}: the connection broke ({type(error).__name__}: {error}). {kept} bytes are kept "
            f"in {partial}; run the same command again to continue"
        ) from error


class _SafeRedirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but never from an encrypted to a plain address."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: Message,
        newurl: str,
    ) -> urllib.request.Request | None:
        """Return the request to follow a redirect with."""
        if req.full_url.startswith("https:") and not newurl.startswith("https:"):
            raise urllib.error.URLError(f"redirected to {newurl}, which is not encrypted")
        return super().redirect_request(req, fp, code, msg, headers, newurl)  # type: ignore[arg-type]


def _opener() -> urllib.request.OpenerDirector:
    """Return an opener that knows HTTP and HTTPS only, with the environment's proxies."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        _SafeRedirects(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.UnknownHandler(),
    ):
        opener.add_handler(handler)
    return opener


def _resumable_bytes(partial: Path, note: _Part | None) -> int:
    """Return from where to ask on.

    A complete file whose renaming was interrupted is asked for its last byte again, since no server
    answers a request for nothing.
    """
    if note is None or note.validator is None or not partial.exists():
        return 0
    size = partial.stat().st_size
    return size if note.total is None else max(0, min(size, note.total - 1))


def _validator(headers: Message) -> str | None:
    """Return what identifies this version of the file on the server, for ``If-Range``."""
    etag = headers.get("ETag")
    if etag and not etag.startswith("W/"):
        return str(etag)
    modified = headers.get("Last-Modified")
    return str(modified) if modified else None


def _continues(headers: Message, start: int, note: _Part) -> bool:
    """Tell whether a partial answer is the rest of the very file that was begun."""
    match = re.match(r"bytes (\d+)-\d+/(\d+|\*)", headers.get("Content-Range", ""))
    if match is None or int(match[1]) != start:
        return False
    totals = {note.total, _total_bytes(headers, start), None if match[2] == "*" else int(match[2])}
    return len(totals - {None}) <= 1 and _validator(headers) in (None, note.validator)


def _total_bytes(headers: Message, start: int) -> int | None:
    """Return the length of the whole file, if the server says."""
    length = headers.get("Content-Length", "")
    return start + int(length) if length.isdecimal() else None


def _note_path(partial: Path) -> Path:
    return partial.with_name(partial.name + ".json")


def _read_note(partial: Path) -> _Part | None:
    try:
        note = _Part(**parse_json(read_document(_note_path(partial))))
    except (FileError, DocumentError, TypeError):
        return None
    good = isinstance(note.validator, str | None) and isinstance(note.total, int | None)
    return note if good else None


def _write_note(partial: Path, note: _Part) -> None:
    write_text(_note_path(partial), json.dumps(asdict(note)), overwrite=True)


def _discard(partial: Path) -> None:
    partial.unlink(missing_ok=True)
    _note_path(partial).unlink(missing_ok=True)
