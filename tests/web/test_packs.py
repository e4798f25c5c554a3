"""Contracts of packs that anybody may have written: read within limits, inside their folder."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from edgeseal.errors import EdgesealError, FileError, ModelError
from edgeseal.watermark.web._packs import copy_pack, read_contract


def packed(folder: Path, **changes: Any) -> Path:
    """Write a pack of one model with one vector, whose contract says something else."""
    pack = folder / "pack"
    (pack / "vectors" / "0").mkdir(parents=True)
    (pack / "model.tflite").write_bytes(b"a model")
    (pack / "vectors" / "0" / "input.f32").write_bytes(b"numbers")
    (pack / "not listed.txt").write_text("mine")
    model = {
        "file": "model.tflite",
        "sha256": hashlib.sha256(b"a model").hexdigest(),
        "vectors": [{"folder": "vectors/0", "input": {"f32": "input.f32"}, "other": 1}],
    }
    contract = {"schema_version": 1, "models": [model | changes]}
    (pack / "contract.json").write_text(json.dumps(contract))
    return pack


def test_what_the_contract_names_is_copied_and_nothing_else(tmp_path: Path) -> None:
    pack, target = packed(tmp_path), tmp_path / "site" / "0"
    copy_pack(pack, read_contract(pack), target)
    copied = {path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file()}
    assert copied == {"contract.json", "model.tflite", "vectors/0/input.f32"}
    for name in copied:
        assert (target / name).read_bytes() == (pack / name).read_bytes()


def vector(folder: str, name: str = "input.f32") -> dict[str, Any]:
    return {"vectors": [{"folder": folder, "input": {"f32": name}}]}


@pytest.mark.parametrize(
    "changes",
    [
        {"file": "../pack/model.tflite"},  # inside of the pack, but outside of the site
        {"file": "vectors/../../pack/model.tflite"},
        {"file": "link.tflite"},
        {"file": "vectors"},
        {"file": ""},
        vector("vectors/0/../../../pack/vectors/0"),
        vector("vectors/0", "../../../secret"),
        vector("vectors/none"),
    ],
)
def test_pack_is_refused_when_a_file_is_not_in_its_folder(
    changes: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "secret").write_bytes(b"a model")
    pack = packed(tmp_path, **changes)
    (pack / "link.tflite").symlink_to(tmp_path / "secret")
    with pytest.raises(FileError, match=r"has no file .*, which its contract names; pack it again"):
        read_contract(pack)


def test_pack_is_refused_when_a_path_is_absolute(tmp_path: Path) -> None:
    pack = packed(tmp_path, file=str(tmp_path / "pack" / "model.tflite"))
    with pytest.raises(FileError, match="which its contract names"):
        read_contract(pack)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[" * 100_000, "is no JSON"),
        ('{"schema_version": ' + "1" * 5000 + "}", "is no JSON"),
        ('{"schema_version": 1, "models": NaN}', "is no JSON"),
        ("[]", "has schema version None, expected 1"),
        ('{"schema_version": "1"}', "has schema version '1', expected 1"),
        ('{"schema_version": 1, "models": 3}', "is not complete"),
        ('{"schema_version": 1, "models": [3]}', "is not complete"),
        ('{"schema_version": 1, "models": [{"file": 3, "vectors": []}]}', "is not complete"),
        ('{"schema_version": 1, "models": [{"file": "a\\u0000", "vectors": []}]}', "not complete"),
        ('{"schema_version": 1, "models": [{"file": "model.tflite"}]}', "is not complete"),
        (
            '{"schema_version": 1, "models": [{"file": "model.tflite", "vectors": []}]}',
            "is not complete",
        ),
    ],
)
def test_contract_is_refused_in_one_line_when_it_is_damaged(
    text: str, words: str, tmp_path: Path
) -> None:
    pack = packed(tmp_path)
    (pack / "contract.json").write_text(text)
    with pytest.raises(ModelError, match=words) as caught:
        read_contract(pack)
    assert str(caught.value).startswith(str(pack / "contract.json"))
    assert "\n" not in str(caught.value)


def test_model_is_refused_when_it_is_another_than_was_packed(tmp_path: Path) -> None:
    pack = packed(tmp_path)
    (pack / "model.tflite").write_bytes(b"another model")
    with pytest.raises(ModelError, match=r"model\.tflite: is not the file that was packed"):
        read_contract(pack)


def test_folder_is_refused_at_once_when_its_contract_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(
        FileError, match=r"is no pack: .*No such file.*make one with `edgeseal pack`"
    ):
        read_contract(tmp_path)
    os.mkfifo(tmp_path / "contract.json")
    with pytest.raises(EdgesealError, match=r"is no pack: .* is a pipe"):
        read_contract(tmp_path)
