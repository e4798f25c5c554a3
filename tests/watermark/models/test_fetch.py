"""Downloads against a real server on this machine: kept, resumed, verified, never half-written."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from edgeseal.errors import CheckpointError, DownloadError, UsageError
from edgeseal.watermark import models
from edgeseal.watermark.cards import CheckpointSource, load_card
from edgeseal.watermark.models import Where
from patience import HANG_S

CONTENT = b"\x80" + bytes(range(256)) * 4096
OTHER = b"\x80" + CONTENT[:0:-1]
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@dataclasses.dataclass
class Site:
    """What the server serves, how it misbehaves, and what it was asked."""

    url: str = ""
    content: bytes = CONTENT
    etag: str | None = '"v1"'
    ranges: bool = True
    cut_after: int | None = None
    length: bool = True
    status: int = 200
    location: str | None = None
    lie_about_start: bool = False
    lie_about_total: bool = False
    requests: list[str | None] = dataclasses.field(default_factory=list)


class Handler(BaseHTTPRequestHandler):
    """Serves the site; supports one open-ended range, like a common file server."""

    site: Site

    def do_GET(self) -> None:
        site = self.site
        wanted = self.headers.get("Range")
        site.requests.append(wanted)
        if site.status != 200:
            self.send_response(site.status)
            if site.location and self.path == "/w.pth":
                self.send_header("Location", site.location)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        start = int(wanted[6:-1]) if wanted and site.ranges else 0
        if start and self.headers.get("If-Range") not in (None, site.etag):
            start = 0
        if start >= len(site.content) and start:
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        if start:
            shown = start + 1 if site.lie_about_start else start
            end = len(site.content) + site.lie_about_total
            self.send_header("Content-Range", f"bytes {shown}-{end - 1}/{end}")
        if site.etag:
            self.send_header("ETag", site.etag)
        if site.length:
            self.send_header("Content-Length", str(len(site.content) - start))
        self.end_headers()
        stop = len(site.content) if site.cut_after is None else start + site.cut_after
        self.wfile.write(site.content[start:stop])

    def log_message(self, format: str, *args: object) -> None:
        """Stay silent."""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A running server, and an empty cache."""
    monkeypatch.setenv("EDGESEAL_CACHE", str(tmp_path / "cache"))
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    site = Site()
    handler = type("SiteHandler", (Handler,), {"site": site})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        site.url = f"http://127.0.0.1:{server.server_address[1]}/w.pth"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield site
        server.shutdown()
        thread.join()


def files(folder: Path) -> list[str]:
    """Return the kinds of files in a cache: what follows the name of the download."""
    names = (path.name for path in folder.rglob("*") if path.is_file())
    return sorted(name.partition("w.pth")[2] for name in names if not name.endswith(".lock"))


def cut_once(site: Site, after: int = 300_000) -> None:
    """Let a first attempt break off."""
    site.cut_after = after
    with pytest.raises(DownloadError, match="run the same command again to continue"):
        models.fetch(site.url)
    site.cut_after = None


def test_file_is_downloaded_once_when_fetched_twice(site: Site) -> None:
    first, second = models.fetch(site.url), models.fetch(site.url)
    assert first == second
    assert (first.source, first.sha256) == (site.url, SHA256)
    assert first.path.read_bytes() == CONTENT
    assert site.requests == [None]
    assert files(models.cache_folder()) == ["", ".json"]
    record = json.loads(first.path.with_name(first.path.name + ".json").read_text())
    assert record == {"schema_version": 1, "url": site.url, "sha256": SHA256}


def test_two_copies_are_kept_when_addresses_end_in_the_same_name(site: Site) -> None:
    first = models.fetch(site.url)
    site.content = b"\x80other"
    assert models.fetch(site.url + "?version=2").path != first.path


@pytest.mark.parametrize("content", [b"<!doctype html><p>Sign in", b"PK\3\4 cut short", b""])
def test_answer_is_not_kept_when_it_is_no_checkpoint(site: Site, content: bytes) -> None:
    site.content = content
    with pytest.raises(DownloadError, match="is no PyTorch checkpoint, or not all of one"):
        models.fetch(site.url)
    assert files(models.cache_folder()) == []
    site.content = CONTENT
    assert models.fetch(site.url).sha256 == SHA256


def test_file_is_refused_when_it_is_another_than_at_the_first_download(site: Site) -> None:
    path = models.fetch(site.url).path
    path.unlink()
    site.content, site.etag = OTHER, '"v2"'
    with pytest.raises(DownloadError, match=f"SHA-256 {SHA256} expected.*delete .*json first"):
        models.fetch(site.url)
    assert files(models.cache_folder()) == [".json"]
    path.with_name(path.name + ".json").unlink()
    assert models.fetch(site.url).path.read_bytes() == OTHER


def test_nothing_is_joined_when_the_rest_is_of_a_file_of_another_length(site: Site) -> None:
    cut_once(site)
    site.lie_about_total = True
    with pytest.raises(DownloadError, match="another range or another file"):
        models.fetch(site.url)
    assert files(models.cache_folder()) == []


def test_progress_reaches_the_total_when_downloading(site: Site) -> None:
    calls: list[tuple[int, int | None]] = []
    models.fetch(site.url, progress=lambda done, total: calls.append((done, total)))
    assert calls[0] == (0, len(CONTENT))
    assert calls[-1] == (len(CONTENT), len(CONTENT))
    assert [done for done, _ in calls] == sorted(done for done, _ in calls)


def test_download_continues_when_the_connection_was_cut(site: Site) -> None:
    cut_once(site)
    assert files(models.cache_folder()) == [".part", ".part.json"]
    assert models.fetch(site.url).path.read_bytes() == CONTENT
    assert site.requests == [None, "bytes=300000-"]
    assert files(models.cache_folder()) == ["", ".json"]


def test_bytes_received_are_named_when_the_connection_is_cut(site: Site) -> None:
    site.cut_after = 1000
    with pytest.raises(DownloadError, match=rf"after 1000 of {len(CONTENT)} bytes.*\.part"):
        models.fetch(site.url)


def test_download_starts_over_when_the_server_ignores_ranges(site: Site) -> None:
    cut_once(site)
    site.ranges = False
    assert models.fetch(site.url).sha256 == SHA256
    assert site.requests == [None, "bytes=300000-"]


def test_download_starts_over_when_the_file_has_changed(site: Site) -> None:
    cut_once(site)
    site.content, site.etag = OTHER, '"v2"'
    assert models.fetch(site.url).path.read_bytes() == OTHER


@pytest.mark.parametrize("etag", [None, 'W/"weak"'])
def test_download_starts_over_when_nothing_identifies_the_file(
    site: Site, etag: str | None
) -> None:
    site.etag = etag
    cut_once(site)
    assert models.fetch(site.url).sha256 == SHA256
    assert site.requests == [None, None]


def test_download_ends_when_only_the_renaming_was_interrupted(site: Site) -> None:
    cut_once(site)
    (partial,) = models.cache_folder().rglob("*.part")
    partial.write_bytes(CONTENT)
    assert models.fetch(site.url).sha256 == SHA256
    assert site.requests[-1] == f"bytes={len(CONTENT) - 1}-"


def test_download_starts_over_when_the_server_has_fewer_bytes(site: Site) -> None:
    site.length = False
    models.fetch(site.url)
    (path,) = models.cache_folder().rglob("*-w.pth")
    path.rename(path.with_name(path.name + ".part"))
    note = path.with_name(path.name + ".part.json")
    note.write_text(json.dumps({"validator": site.etag, "total": None}))
    assert models.fetch(site.url).sha256 == SHA256
    assert site.requests == [None, f"bytes={len(CONTENT)}-", None]


def test_part_is_thrown_away_when_the_server_sends_another_range(site: Site) -> None:
    cut_once(site)
    site.lie_about_start = True
    with pytest.raises(DownloadError, match="another range"):
        models.fetch(site.url)
    assert files(models.cache_folder()) == []


def test_note_is_ignored_when_damaged(site: Site) -> None:
    cut_once(site)
    (note,) = models.cache_folder().rglob("*.part.json")
    note.write_text("{")
    assert models.fetch(site.url).sha256 == SHA256
    assert site.requests == [None, None]


def test_part_is_kept_when_interrupted(site: Site) -> None:
    def interrupt(done: int, total: int | None) -> None:
        if done > 500_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        models.fetch(site.url, progress=interrupt)
    assert files(models.cache_folder()) == [".part", ".part.json"]
    assert models.fetch(site.url).sha256 == SHA256
    assert site.requests[1] is not None


def test_download_is_deleted_when_its_checksum_is_wrong(site: Site) -> None:
    with pytest.raises(DownloadError, match=f"wrong checksum.*{'0' * 64} expected, {SHA256} found"):
        models.fetch(site.url, sha256="0" * 64)
    assert files(models.cache_folder()) == []


def test_cards_checksum_is_verified_when_its_own_address_is_fetched(site: Site) -> None:
    source = CheckpointSource(site.url, "0" * 64)
    card = dataclasses.replace(load_card("videoseal_0.0"), checkpoint=source)
    for named in (None, site.url):
        with pytest.raises(DownloadError, match="wrong checksum"):
            models.fetch(named, card)
    good = dataclasses.replace(card, checkpoint=CheckpointSource(site.url, SHA256))
    assert models.fetch(None, good).sha256 == SHA256


def test_cached_file_is_refused_when_it_has_changed(site: Site) -> None:
    path = models.fetch(site.url).path
    path.write_bytes(b"tampered")
    with pytest.raises(DownloadError, match=r"has changed.*delete it to download it again"):
        models.fetch(site.url)
    path.unlink()
    assert models.fetch(site.url).sha256 == SHA256


def test_checksum_is_recorded_again_when_its_record_is_damaged(site: Site) -> None:
    path = models.fetch(site.url).path
    record = path.with_name(path.name + ".json")
    record.write_text("[]")
    models.fetch(site.url)
    assert json.loads(record.read_text())["sha256"] == SHA256


@pytest.mark.parametrize("status", [403, 404, 500])
def test_status_is_named_when_the_server_refuses(site: Site, status: int) -> None:
    site.status = status
    with pytest.raises(DownloadError, match=f"w.pth: the server answered {status} .*by hand"):
        models.fetch(site.url)
    assert files(models.cache_folder()) == []


@pytest.mark.parametrize("location", ["file:///etc/hostname", "ftp://127.0.0.1/x"])
def test_redirect_is_refused_when_it_leaves_http(site: Site, location: str) -> None:
    site.status, site.location = 302, location
    with pytest.raises(DownloadError):
        models.fetch(site.url)


def test_host_is_named_when_it_cannot_be_reached(site: Site) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with pytest.raises(DownloadError, match=f":{port}/w.pth: cannot be reached"):
        models.fetch(f"http://127.0.0.1:{port}/w.pth")


def test_download_fails_when_the_server_is_silent(site: Site) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        port = silent.getsockname()[1]
        with pytest.raises(DownloadError, match="timed out"):
            models.fetch(f"http://127.0.0.1:{port}/w.pth", timeout_s=0.2)


@pytest.mark.parametrize(
    "source",
    ["file:///tmp/x", "ftp://host/x", "s3://bucket/x", "http://", "https:///x", "http://h:x/y"],
)
def test_address_is_refused_when_it_cannot_be_fetched(site: Site, source: str) -> None:
    with pytest.raises(UsageError, match="http"):
        models.fetch(source)


def test_variable_is_named_when_the_cache_cannot_be_written(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("x")
    monkeypatch.setenv("EDGESEAL_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(DownloadError, match="EDGESEAL_CACHE"):
        models.fetch(site.url)


def test_cache_is_whole_when_processes_fetch_at_once(site: Site) -> None:
    script = (
        f"import sys; sys.path[:0] = {sys.path!r}\n"
        f"from edgeseal.watermark import models; print(models.fetch({site.url!r}).sha256)"
    )
    command = [sys.executable, "-W", "error", "-c", script]
    running = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    results = [process.communicate(timeout=HANG_S) for process in running]
    assert results == [(SHA256 + "\n", "")] * 3
    assert site.requests == [None]
    assert files(models.cache_folder()) == ["", ".json"]


def test_state_is_told_when_asked_without_network(site: Site) -> None:
    card = dataclasses.replace(load_card("videoseal_0.0"), checkpoint=CheckpointSource(site.url))
    assert models.checkpoint_state(card).where is Where.ABSENT
    cut_once(site)
    partial = models.checkpoint_state(card)
    assert (partial.where, partial.size_bytes) == (Where.PARTIAL, 300_000)
    path = models.fetch(None, card).path
    cached = models.checkpoint_state(card)
    assert (cached.where, cached.path, cached.sha256) == (Where.CACHED, path, SHA256)
    assert cached.size_bytes == len(CONTENT)
    missing = dataclasses.replace(card, checkpoint=CheckpointSource("package:absent.pth"))
    assert models.checkpoint_state(missing).where is Where.ABSENT
    there = dataclasses.replace(card, checkpoint=CheckpointSource("package:__init__.py"))
    assert models.checkpoint_state(there).path.parent.name == "data"


def test_local_file_is_used_when_a_path_is_given(tmp_path: Path) -> None:
    path = tmp_path / "weights:v1.pth"
    path.write_bytes(CONTENT)
    for source in (path, str(path)):
        assert models.fetch(source) == models.Resolved(str(path), path, SHA256)
    with pytest.raises(CheckpointError, match="wrong checksum"):
        models.fetch(path, sha256="0" * 64)


@pytest.mark.parametrize("source", ["package:", "package:../errors.py", "package:a/b"])
def test_package_file_is_refused_when_its_name_is_a_path(source: str) -> None:
    with pytest.raises(UsageError, match="expected package:NAME"):
        models.fetch(source)


def test_fetch_is_refused_when_nothing_is_named() -> None:
    with pytest.raises(UsageError, match="name a file, an address or a card"):
        models.fetch(None)


def test_cache_is_the_platforms_when_no_variable_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EDGESEAL_CACHE", raising=False)
    assert models.cache_folder().name.lower() in ("edgeseal", "cache")
    monkeypatch.setenv("EDGESEAL_CACHE", "~/seal")
    assert models.cache_folder() == Path.home() / "seal"
