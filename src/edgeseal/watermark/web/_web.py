"""Writes the page with its models as a static site, or serves it on this device."""

from __future__ import annotations

import hashlib
import importlib.resources
import json
import shutil
import tarfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgeseal._files import check_new_folder, listed
from edgeseal._leftovers import scratch_folder
from edgeseal._progress import SILENT, Progress
from edgeseal.data import litert_archive
from edgeseal.watermark.web._packs import copy_pack, read_contract
from edgeseal.watermark.web._serve import server_of

__all__ = ["WebSite", "web"]

_WORKER = "sw.js"
_VERSION = b"@VERSION@"
_PAIR = "reference.tar.xz"


@dataclass(frozen=True, slots=True)
class WebSite:
    """A site that was written, or served until it was interrupted.

    Attributes:
        folder: where it was written; None if it was served.
        url: where it was served; None if it was written.
        models: names of the models' files.
        files: number of files.
        size_bytes: of all of them.
    """

    folder: Path | None
    url: str | None
    models: tuple[str, ...]
    files: int
    size_bytes: int

    @property
    def is_good(self) -> bool:
        """Always: what cannot be written or served raises."""
        return True

    def to_json(self) -> dict[str, object]:
        """Return everything for JSON."""
        return {
            "folder": None if self.folder is None else str(self.folder),
            "url": self.url,
            "models": list(self.models),
            "files": self.files,
            "size_bytes": self.size_bytes,
        }

    def __str__(self) -> str:
        where = self.folder if self.url is None else f"{self.url} (stopped)"
        names = ", ".join(self.models)
        return f"{where}: {names}; {self.files} files, {self.size_bytes / 2**20:.2f} MiB"


def web(
    *,
    export: str | Path | None = None,
    models: str | Path | Sequence[str | Path] = (),
    port: int = 8017,
    progress: Progress = SILENT,
) -> WebSite:
    """Put up a page that reads and writes marks in the visitor's browser; no picture leaves it.

    Without ``export`` it is served to this device alone, until it is interrupted.

    Args:
        export: folder to write the site to, for any file server; it must not exist, or be empty.
        models: folders that :func:`edgeseal.pack` wrote; the bundled pair if none.
        port: of the loopback address, where the site is served; 0 for any that is free.
        progress: hears of the work, and of the address.

    Raises:
        UsageError: the port cannot be used.
        FileError: a folder cannot be read, or the site's exists and is not empty.
        ModelError: a pack is damaged, or of another version.
    """
    packs = [Path(one) for one in listed(models)]
    contracts = [read_contract(pack) for pack in packs]
    if export is not None:
        folder = Path(export)
        check_new_folder(folder)
        with scratch_folder(folder.parent) as scratch:
            draft = scratch / "site"
            names = _write(draft, packs, contracts)
            if folder.exists():
                folder.rmdir()  # empty, as was checked
            draft.rename(folder)
        return _describe(folder, names, folder=folder)
    with scratch_folder() as scratch:
        site = scratch / "site"
        with server_of(site, port) as server:
            names = _write(site, packs, contracts)
            url = f"http://{server.server_address[0]!s}:{server.server_port}/"
            progress.note(f"serving {', '.join(names)} on {url} until interrupted")
            with suppress(KeyboardInterrupt):
                server.serve_forever()
        return _describe(site, names, url=url)


def _write(site: Path, packs: Sequence[Path], contracts: Sequence[dict[str, Any]]) -> list[str]:
    """Write all files of a site into a new folder; return the names of its models."""
    with importlib.resources.as_file(importlib.resources.files(__package__)) as own:
        shutil.copytree(own / "page", site)
        _unpack(litert_archive(), site / "litert")
        if not packs:
            _unpack(own / _PAIR, site / "models" / "0")
    for index, (pack, contract) in enumerate(zip(packs, contracts, strict=True)):
        copy_pack(pack, contract, site / "models" / str(index))
    places = sorted(path.name for path in (site / "models").iterdir())
    (site / "models" / "index.json").write_text(json.dumps({"packs": places}) + "\n")
    _stamp(site)
    found = contracts or [json.loads((site / "models" / "0" / "contract.json").read_bytes())]
    return [Path(model["file"]).name for contract in found for model in contract["models"]]


def _unpack(archive: Path, folder: Path) -> None:
    with tarfile.open(archive, "r:xz") as opened:
        for member in opened:
            content = opened.extractfile(member)
            if content is not None:
                path = folder / member.name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content.read())


def _stamp(site: Path) -> None:
    """Name the service worker's store after the files, so that browsers notice new ones."""
    digest = hashlib.sha256()
    for path in sorted(path for path in site.rglob("*") if path.is_file()):
        digest.update(path.relative_to(site).as_posix().encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    worker = site / _WORKER
    worker.write_bytes(worker.read_bytes().replace(_VERSION, digest.hexdigest()[:16].encode()))


def _describe(
    site: Path, names: Sequence[str], *, folder: Path | None = None, url: str | None = None
) -> WebSite:
    sizes = [path.stat().st_size for path in site.rglob("*") if path.is_file()]
    return WebSite(folder, url, tuple(names), len(sizes), sum(sizes))
