"""What a site takes of packs: the contract, the models, and the vectors to try them with."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edgeseal._documents import DocumentError, parse_json, read_document
from edgeseal._files import sha256_of
from edgeseal.errors import FileError, ModelError

__all__ = ["copy_pack", "read_contract"]

CONTRACT = "contract.json"
_SCHEMA_VERSION = 1
_NUMBERS = ("input", "bit_logits", "delta")


def read_contract(pack: Path) -> dict[str, Any]:
    """Read and check the contract of a folder that ``edgeseal pack`` wrote.

    Raises:
        FileError: there is none, or it cannot be read.
        ModelError: it is no contract, of another version, or a model is not the one that it
            describes.
    """
    path = pack / CONTRACT
    try:
        contract = parse_json(read_document(path))
    except FileError as error:
        raise FileError(f"{pack}: is no pack: {error}; make one with `edgeseal pack`") from error
    except DocumentError as error:
        raise ModelError(f"{path}: is no JSON ({error}); pack the models again") from error
    version = contract.get("schema_version") if isinstance(contract, dict) else None
    if version != _SCHEMA_VERSION:
        raise ModelError(
            f"{path}: has schema version {version!r}, expected {_SCHEMA_VERSION}; pack the models "
            "with this edgeseal"
        )
    try:
        for model in contract["models"]:
            _check_model(pack, model)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ModelError(f"{path}: is not complete ({error!r}); pack the models again") from error
    return contract  # type: ignore[no-any-return]


def copy_pack(pack: Path, contract: dict[str, Any], target: Path) -> None:
    """Copy what the page fetches of a pack into a new folder."""
    for name in (CONTRACT, *_files(contract)):
        place = target / name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(pack / name, place)


def _check_model(pack: Path, model: dict[str, Any]) -> None:
    for name in _files({"models": [model]}):
        place = Path(name)
        is_inside = not place.is_absolute() and ".." not in place.parts
        is_inside = is_inside and (pack / place).resolve().is_relative_to(pack.resolve())
        if not is_inside or not (pack / place).is_file():
            raise FileError(f"{pack}: has no file {name}, which its contract names; pack it again")
    path = pack / model["file"]
    if sha256_of(path) != model["sha256"]:
        raise ModelError(f"{path}: is not the file that was packed; pack the models again")


def _files(contract: dict[str, Any]) -> Iterator[str]:
    for model in contract["models"]:
        yield model["file"]
        for vector in model["vectors"]:
            for kind in _NUMBERS:
                if kind in vector:
                    yield f"{vector['folder']}/{vector[kind]['f32']}"
