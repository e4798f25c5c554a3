"""A pair with room for payloads, a corpus with a bad file, and its archives."""

from __future__ import annotations

import functools
import http.server
import io
import tarfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgeseal.watermark.payload import Payload
from edgeseal.watermark.runtime import load_embedder
from edgeseal.watermark.scan import Item, ItemChoice, ScanSources
from edgeseal.watermark.scan._name_set import NameSet
from pairs import Pair, write_pair
from watermark.verbs.conftest import Heard, heard

__all__ = ["Heard", "heard"]

Items = Callable[..., list[Item]]


@pytest.fixture(scope="session")
def pair96(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return write_pair(tmp_path_factory.mktemp("pair"), bits=96, step_size=4)


@pytest.fixture(scope="session")
def corpus(pair96: Pair, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of six pictures, two of them marked and one broken, and a text."""
    folder = tmp_path_factory.mktemp("corpus") / "pictures"
    (folder / "deep").mkdir(parents=True)
    ramp = np.broadcast_to(np.linspace(90, 160, 48).astype(np.uint8)[None, :, None], (32, 48, 3))
    embedder = load_embedder(pair96.embedder)
    for name, number in {"a.png": 17, "deep/b.png": 18}.items():
        marked = embedder.embed(np.ascontiguousarray(ramp), Payload.from_id(number)).image
        Image.fromarray(np.asarray(marked)).save(folder / name)
    for name, shift in {"c.png": 0, "d.jpg": 5, "deep/e.png": 9}.items():
        Image.fromarray(ramp + np.uint8(shift)).save(folder / name)
    (folder / "f.png").write_bytes(b"no picture")
    (folder / "notes.txt").write_text("nothing")
    return folder


@pytest.fixture
def items(tmp_path: Path) -> Items:
    """Lists the items of sources."""

    def listed(
        *names: object, column: str | None = None, choice: ItemChoice | None = None
    ) -> list[Item]:
        sources = ScanSources([str(name) for name in names], True, column, tmp_path / "out")
        return list(sources.items(ItemChoice(NameSet()) if choice is None else choice))

    return listed


@pytest.fixture
def tar(corpus: Path, tmp_path: Path) -> Path:
    """A WebDataset shard: a picture and its text under each key."""
    path = tmp_path / "shard.tar"
    with tarfile.open(path, "w") as file:
        for key in ("a", "c", "f"):
            add(file, f"{key}.png", (corpus / f"{key}.png").read_bytes())
            add(file, f"{key}.txt", b"a caption")
    return path


def add(file: tarfile.TarFile, name: str, content: bytes) -> None:
    """Add a member to a tar file."""
    member = tarfile.TarInfo(name)
    member.size = len(content)
    file.addfile(member, io.BytesIO(content))


@pytest.fixture
def server(corpus: Path) -> Iterator[str]:
    """The address of an HTTP server that serves the folder above the corpus."""
    pytest.importorskip("aiohttp", reason="aiohttp is not installed")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    handler = functools.partial(Quiet, directory=str(corpus.parent))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{running.server_address[1]}"
        running.shutdown()
        thread.join()
