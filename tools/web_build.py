"""Puts beside the built page what it needs: LiteRT.js, the reference pair, licences, a checksum.

    python tools/web_build.py [--models FOLDER]

``make web`` runs it after Vite. LiteRT.js' files and the pair are archives, since together they are
a tenth of the plain files; they are written only if they have changed. ``--models`` has the pair as
``edgeseal convert reference --part both`` writes it, with the recipes below; without it, it is
converted.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import lzma
import tarfile
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import edgeseal
from edgeseal.data import litert_archive
from edgeseal.watermark.web._packs import copy_pack, read_contract

ROOT = Path(__file__).resolve().parents[1]
WEB = ROOT / "web"
ROOM = ROOT / "src" / "edgeseal" / "watermark" / "web"
PAGE = ROOM / "page"
RECORD = PAGE / "build.json"

_SOURCES = (
    "index.html", "package.json", "package-lock.json", "tsconfig.json", "vite.config.ts",
    "vite.device.config.ts",
)  # fmt: skip
_FOLDERS = ("src", "page", "public", "device")
_BUILDS = tuple(f"litert_wasm_{kind}internal" for kind in ("", "compat_", "jspi_", "threaded_"))
_PAIR = ("reference_detector_dynamic-int8.tflite", "reference_embedder_float32.tflite")
_VECTORS = 2
_LICENCES = """Edgeseal, this page and the reference pair's weights: MIT licence.
Copyright (c) the Edgeseal authors.

{mit}

Mediabunny (parts of assets/worker.js), version {mediabunny}, unchanged; its source is
https://github.com/Vanilagy/mediabunny, Mozilla Public License 2.0: https://mozilla.org/MPL/2.0/

LiteRT.js (litert/, and parts of assets/worker.js and device.js), version {version}:
https://github.com/google-ai-edge/LiteRT, copyright Google LLC, Apache License 2.0, unchanged.

{apache}
"""


def sources_sha256() -> str:
    """Return a checksum of all that the page is built from."""
    files = [WEB / name for name in _SOURCES]
    files += [path for name in _FOLDERS for path in (WEB / name).rglob("*") if path.is_file()]
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(path.relative_to(WEB).as_posix().encode() + b"\0")
        digest.update(path.read_bytes().replace(b"\r\n", b"\n") + b"\0")
    return digest.hexdigest()


def main() -> None:
    """Write everything."""
    parser = argparse.ArgumentParser(description=__doc__, usage="web_build.py [--models FOLDER]")
    parser.add_argument("--models", type=Path)
    models = parser.parse_args().models
    litert = WEB / "node_modules" / "@litertjs" / "core"
    version = json.loads((litert / "package.json").read_text())["version"]
    names = [f"{build}.{ending}" for build in _BUILDS for ending in ("js", "wasm")]
    _archive(litert_archive(), {name: litert / "wasm" / name for name in names})
    _write_pair(models)
    mit = (ROOT / "LICENSE").read_text()
    apache = (WEB / "node_modules" / "typescript" / "LICENSE.txt").read_text()  # the same text
    demuxer = WEB / "node_modules" / "mediabunny" / "package.json"
    mediabunny = json.loads(demuxer.read_text())["version"]
    licences = _LICENCES.format(mit=mit, apache=apache, version=version, mediabunny=mediabunny)
    (PAGE / "licences.txt").write_text(licences)
    record = {"sources_sha256": sources_sha256(), "litertjs": version}
    RECORD.write_text(json.dumps(record, indent=1) + "\n")


def _write_pair(models: Path | None) -> None:
    """Pack the reference pair, with the vectors that the page tries, into an archive."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if models is None:
            models = folder / "models"
            edgeseal.convert("reference", models, part="both", recipes=["float32", "dynamic-int8"])
        pack = folder / "pack"
        edgeseal.pack([models / one for one in _PAIR], pack)
        contract = read_contract(pack)
        for model in contract["models"]:
            del model["vectors"][_VECTORS:]
        (pack / "contract.json").write_text(json.dumps(contract, indent=1) + "\n")
        target = folder / "target"
        copy_pack(pack, contract, target)
        files = (path for path in target.rglob("*") if path.is_file())
        _archive(
            ROOM / "reference.tar.xz", {path.relative_to(target).as_posix(): path for path in files}
        )


def _archive(path: Path, files: Mapping[str, Path]) -> None:
    """Write files to an archive that is the same wherever it is made."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name in _by_ending(files):
            member = tarfile.TarInfo(name)
            content = files[name].read_bytes()
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    if path.exists() and lzma.decompress(path.read_bytes()) == plain.getvalue():
        return
    path.write_bytes(lzma.compress(plain.getvalue(), preset=9 | lzma.PRESET_EXTREME))
    print(f"{path.relative_to(ROOT)}: {path.stat().st_size} bytes")


def _by_ending(names: Iterable[str]) -> list[str]:
    """Return names so that files of one kind follow each other, which packs better."""
    return sorted(names, key=lambda name: (name.rpartition(".")[2], name))


if __name__ == "__main__":
    main()
