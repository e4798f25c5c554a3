"""A store of S3's kind: moto's server on this machine."""

from __future__ import annotations

import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgeseal.errors import FileError
from patience import wait_until
from watermark.scan.conftest import Items

pytest.importorskip("moto", reason="moto's server is not installed")
fsspec = pytest.importorskip("fsspec")
pytest.importorskip("s3fs", reason="s3fs is not installed")


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch, corpus: Path, tar: Path) -> Iterator[str]:
    """A bucket with the corpus and a tar file."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "moto.server", "-p", str(port)]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, stdout=quiet, stderr=quiet) as process:
        try:
            wait_until(lambda: _answers(address))
            monkeypatch.setenv("AWS_ENDPOINT_URL", address)
            monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
            monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
            files = fsspec.filesystem("s3")
            files.mkdir("bucket")
            files.put(str(corpus), "bucket/pictures", recursive=True)
            files.put(str(tar), "bucket/shard.tar")
            yield "s3://bucket"
        finally:
            process.kill()
            fsspec.filesystem("s3").clear_instance_cache()


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address):
            return True
    except OSError:
        return False


@pytest.mark.slow
def test_bucket_is_listed_and_read_like_a_folder(
    items: Items, store: str, corpus: Path, tar: Path
) -> None:
    from edgeseal.watermark.scan import _stores as stores

    found = {
        item.name.removeprefix(f"{store}/pictures"): item for item in items(f"{store}/pictures")
    }
    here = {item.name.removeprefix(str(corpus)): item for item in items(corpus)}
    assert set(found) == set(here)
    assert stores.fetch(f"{store}/pictures/a.png") == (corpus / "a.png").read_bytes()
    assert [item.content for item in items(f"{store}/shard.tar")] == [
        item.content for item in items(tar)
    ]
    assert [item.name for item in items(f"{store}/pictures/deep/*.png")] == [
        f"{store}/pictures/deep/b.png", f"{store}/pictures/deep/e.png"
    ]  # fmt: skip
    with pytest.raises(FileError, match="s3://missing/"):
        items("s3://missing/")


@pytest.mark.slow
def test_credentials_are_named_when_they_are_missing(
    items: Items, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fsspec.filesystem("s3").clear_instance_cache()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(FileError, match="credentials"):
        items(f"{store}/pictures/")
