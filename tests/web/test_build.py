"""The built page is that of its sources, and what goes with it is that of the package."""

from __future__ import annotations

import gzip
import importlib.util
import json
import tarfile
from pathlib import Path
from types import ModuleType

from edgeseal._files import sha256_of
from edgeseal.watermark.web._serve import HEADERS

ROOT = Path(__file__).resolve().parents[2]
ROOM = ROOT / "src" / "edgeseal" / "watermark" / "web"


def web_build() -> ModuleType:
    spec = importlib.util.spec_from_file_location("web_build", ROOT / "tools" / "web_build.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_page_is_built_from_its_sources() -> None:
    record = json.loads((ROOM / "page" / "build.json").read_text())
    wanted = "the page is older than web/: run `make web`, and commit what it writes"
    assert record["sources_sha256"] == web_build().sources_sha256(), wanted
    package = json.loads((ROOT / "web" / "package.json").read_text())
    assert record["litertjs"] == package["dependencies"]["@litertjs/core"]


def test_page_is_small_beside_litert() -> None:
    files = [path for path in (ROOM / "page").rglob("*") if path.is_file()]
    size = sum(len(gzip.compress(path.read_bytes())) for path in files)
    print(f"the page without LiteRT.js and models: {size / 1000:.1f} kB gzip")
    assert size <= 400_000


def test_bundled_pair_is_of_the_bundled_checkpoint() -> None:
    with tarfile.open(ROOM / "reference.tar.xz") as archive:
        contract = json.load(archive.extractfile("contract.json"))  # type: ignore[arg-type]
    checkpoint = sha256_of(ROOT / "src" / "edgeseal" / "data" / "reference.pth")
    assert {model["part"] for model in contract["models"]} == {"detector", "embedder"}
    assert {model["checkpoint_sha256"] for model in contract["models"]} == {checkpoint}


def test_page_says_the_policy_that_it_is_served_with() -> None:
    served = HEADERS["Content-Security-Policy"]
    said = served.removesuffix("; frame-ancestors 'none'")  # a page cannot say that of itself
    assert said != served
    assert f'content="{said}"' in (ROOM / "page" / "index.html").read_text()
