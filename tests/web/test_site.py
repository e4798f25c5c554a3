"""Sites as folders and as what a server gives."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

import edgeseal
from edgeseal.errors import FileError, ModelError, OutputExistsError, UsageError
from edgeseal.watermark.web._serve import HEADERS, server_of
from pairs import write_pair
from patience import HANG_S


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("packed")
    pair = write_pair(folder)
    edgeseal.pack([pair.detector, pair.embedder], folder / "pack")
    return folder / "pack"


def test_site_has_every_pack_and_a_version_of_its_own(pack: Path, tmp_path: Path) -> None:
    result = edgeseal.web(export=tmp_path / "two", models=[pack, pack])
    edgeseal.web(export=tmp_path / "one", models=pack)
    index = json.loads((tmp_path / "two" / "models" / "index.json").read_text())
    assert index == {"packs": ["0", "1"]}
    assert result.models == ("detector.tflite", "embedder.tflite") * 2
    contract = json.loads((tmp_path / "two" / "models" / "1" / "contract.json").read_text())
    for model in contract["models"]:
        for vector in model["vectors"]:
            numbers = vector["folder"], vector["input"]["f32"]
            assert (tmp_path / "two" / "models" / "1").joinpath(*numbers).is_file()
    stores = {
        re.search(r'STORE = "(edgeseal-[0-9a-f]{16})"', (tmp_path / name / "sw.js").read_text())
        for name in ("one", "two")
    }
    assert len({found.group(1) for found in stores if found is not None}) == 2
    files = [path for path in (tmp_path / "two").rglob("*") if path.is_file()]
    assert result.files == len(files)


def test_damaged_packs_are_refused_before_anything_is_written(pack: Path, tmp_path: Path) -> None:
    def broken(name: str, text: str | None, **changes: str) -> Path:
        folder = tmp_path / name
        shutil.copytree(pack, folder)
        path = folder / "contract.json"
        contract = json.loads(path.read_text())
        contract["models"][0].update(changes)
        path.write_text(json.dumps(contract) if text is None else text)
        return folder

    outside = "../../contract.json"
    cases = [
        (tmp_path, FileError, "is no pack"),
        (broken("text", "hello"), ModelError, "is no JSON"),
        (broken("version", '{"schema_version": 9}'), ModelError, "schema version 9"),
        (broken("empty", '{"schema_version": 1}'), ModelError, "is not complete"),
        (broken("other", None, sha256="0" * 64), ModelError, "is not the file that was packed"),
        (broken("missing", None, file="models/none.tflite"), FileError, "has no file"),
        (broken("outside", None, file=outside), FileError, "has no file"),
    ]
    for folder, kind, words in cases:
        with pytest.raises(kind, match=words):
            edgeseal.web(export=tmp_path / "site", models=folder)
    assert not (tmp_path / "site").exists()


def test_what_cannot_be_written_or_served_is_refused(pack: Path, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("mine")
    with pytest.raises(OutputExistsError):
        edgeseal.web(export=tmp_path / "full", models=pack)
    with server_of(tmp_path, 0) as server, pytest.raises(UsageError, match=r"port: \d+ cannot"):
        edgeseal.web(models=pack, port=server.server_port)
    with pytest.raises(UsageError, match="port: 70000 cannot"):
        edgeseal.web(models=pack, port=70000)


def test_command_serves_the_site_until_it_is_interrupted(pack: Path) -> None:
    command = [sys.executable, "-m", "edgeseal", "web", "--models", str(pack), "--port", "0"]
    with subprocess.Popen(
        [*command, "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        said = ""
        while (found := re.search(r"http://127\.0\.0\.1:\d+/", said)) is None:
            line = process.stderr.readline()
            assert line, said
            said += line
        url = found.group(0)
        with urllib.request.urlopen(url) as response:
            assert b"Edgeseal" in response.read()
            assert {name: response.headers[name] for name in HEADERS} == HEADERS
        with urllib.request.urlopen(f"{url}litert/litert_wasm_internal.wasm") as response:
            assert response.headers["Content-Type"] == "application/wasm"
            assert response.read(4) == b"\0asm"
        process.terminate()  # as Ctrl-C, which is ignored in the background of a shell
        output, _ = process.communicate(timeout=HANG_S)
    assert process.returncode == 0
    assert json.loads(output)["url"] == url
