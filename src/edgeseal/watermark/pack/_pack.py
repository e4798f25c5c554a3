"""Packs models for an app: the files, one contract, golden vectors, checksums, samples."""

from __future__ import annotations

import importlib.resources
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseal._files import check_new_folder, sha256_of
from edgeseal._leftovers import scratch_folder
from edgeseal._progress import SILENT, Progress
from edgeseal._version import __version__
from edgeseal.data import attribution, photo_paths
from edgeseal.errors import UsageError
from edgeseal.pictures import find_pictures
from edgeseal.tflite.devices import Device, find_devices
from edgeseal.tflite.graph import read_model
from edgeseal.watermark.cards import card_names, load_card
from edgeseal.watermark.pack._contract import describe_model
from edgeseal.watermark.pack._variants import Variant, make_variants
from edgeseal.watermark.pack._vectors import TOLERANCES, cases, detector_vectors, embedder_vectors
from edgeseal.watermark.runtime import (
    LiteRTEmbedder,
    Message,
    ModelInfo,
    load_detector,
    load_embedder,
    read_info,
)

__all__ = ["PackResult", "PackedModel", "pack"]

SCHEMA_VERSION = 1
_PICTURES = 3
_ON_DEVICES = 2  # pictures, each of which takes an emulator up to a minute


@dataclass(frozen=True, slots=True)
class PackedModel:
    """A model in a pack.

    Attributes:
        path: of the copy.
        part: ``detector`` or ``embedder``.
        card: name of its card.
        recipe: how it was quantized.
        size_bytes: of the file.
        sha256: its checksum.
        vectors: number of golden vectors.
        variants: devices on which it was shown to be right, with the files compiled for them.
    """

    path: Path
    part: str
    card: str
    recipe: str
    size_bytes: int
    sha256: str
    vectors: int
    variants: tuple[Variant, ...] = ()

    def file_json(self) -> dict[str, object]:
        """Return what is known of the file, by its place in the pack, for JSON."""
        return {
            "file": f"models/{self.path.name}",
            "size_bytes": self.size_bytes,
            "sha256": self.sha256,
            "devices": [variant.to_json() for variant in self.variants],
        }


@dataclass(frozen=True, slots=True)
class PackResult:
    """A pack that was written.

    Attributes:
        folder: where it is.
        models: what is in it.
        files: number of files.
        size_bytes: of all of them.
    """

    folder: Path
    models: tuple[PackedModel, ...]
    files: int
    size_bytes: int

    @property
    def is_good(self) -> bool:
        """Always: what cannot be packed raises."""
        return True

    def to_json(self) -> dict[str, object]:
        """Return everything for JSON."""
        return {
            "folder": str(self.folder),
            "files": self.files,
            "size_bytes": self.size_bytes,
            "models": [
                {
                    **one.file_json(),
                    "path": str(one.path),
                    "part": one.part,
                    "card": one.card,
                    "recipe": one.recipe,
                    "vectors": one.vectors,
                }
                for one in self.models
            ],
        }

    def __str__(self) -> str:
        names = ", ".join(one.path.name for one in self.models)
        size = self.size_bytes / 2**20
        right = sorted({variant.device for one in self.models for variant in one.variants})
        shown = f"; right on {', '.join(right)}" if right else ""
        return f"{self.folder}: {names}; {self.files} files, {size:.2f} MiB{shown}"


def pack(
    models: Sequence[str | Path],
    output: str | Path,
    *,
    images: Sequence[str | Path] = (),
    devices: Sequence[str] = (),
    progress: Progress = SILENT,
) -> PackResult:
    """Write a folder that has all that an app needs to run models, with nothing of Edgeseal.

    The contract (``contract.json``) says layout, range, the resize's exact formula, thresholds,
    payload code and attenuation; ``vectors/`` holds pictures with the model's input and answer as
    ``.npy`` and plain numbers; ``verify.py`` reproduces them with LiteRT, numpy and Pillow alone.

    Args:
        models: ``.tflite`` files that Edgeseal wrote, detectors and embedders, with names of
            their own. A detector's pictures are marked by the embedder of its card if one is given.
        output: folder to make; it must not exist, or be empty.
        images: pictures for the vectors, and folders of them; three of the bundled photographs if
            none.
        devices: names, as ``edgeseal check --on`` takes them, on which every model must be right.
            Where a device has a compiler of its own, what it makes is packed as well.
        progress: hears of the work.

    Raises:
        UsageError: no model, or two of one name; a device cannot be asked here.
        FileError: a file cannot be read, or the folder exists and is not empty.
        ModelError: a file was not written by Edgeseal, or a device does not take it whole or
            computes it wrong.
        RuntimeRefusalError: LiteRT refuses a file.
    """
    paths = [Path(one) for one in models]
    _check_names(paths)
    folder = Path(output)
    check_new_folder(folder)
    chosen = find_devices(devices)
    photos = find_pictures([Path(one) for one in images]) if images else photo_paths()[:_PICTURES]
    infos = [read_info(read_model(path), source=str(path)) for path in paths]
    with (
        progress.busy(f"packing {folder.name}"),
        scratch_folder(folder.parent) as scratch,
    ):
        draft = scratch / "pack"
        packed = _write(draft, folder, paths, infos, photos, chosen)
        _write_sums(draft)
        files = [path for path in draft.rglob("*") if path.is_file()]
        result = PackResult(folder, packed, len(files), sum(path.stat().st_size for path in files))
        if folder.exists():
            folder.rmdir()  # empty, as was checked
        draft.rename(folder)
    return result


def _check_names(paths: Sequence[Path]) -> None:
    names = [path.name for path in paths]
    double = sorted({name for name in names if names.count(name) > 1})
    if not paths:
        raise UsageError("no model to pack; name at least one .tflite file")
    if double:
        raise UsageError(f"two models of one name: {', '.join(double)}; rename one of them")


def _write(
    draft: Path,
    folder: Path,
    paths: Sequence[Path],
    infos: Sequence[ModelInfo],
    photos: Sequence[Path],
    devices: Sequence[Device],
) -> tuple[PackedModel, ...]:
    """Write everything but the checksums to ``draft``, which becomes ``folder``."""
    for name in ("models", "vectors"):
        (draft / name).mkdir(parents=True)
    variants = make_variants(paths, devices, photos[:_ON_DEVICES], draft / "models")
    pictures = list(cases(photos))
    embedders = {
        info.card: load_embedder(path)
        for path, info in zip(paths, infos, strict=True)
        if info.part == "embedder"
    }
    records, packed = [], []
    for path, info in zip(paths, infos, strict=True):
        shutil.copyfile(path, draft / "models" / path.name)
        record = describe_model(read_model(path), info, _licence(info.card))
        vectors = _vectors(path, info, embedders, pictures, draft / "vectors" / path.stem)
        one = PackedModel(
            path=folder / "models" / path.name,
            part=info.part,
            card=info.card,
            recipe=info.recipe,
            size_bytes=path.stat().st_size,
            sha256=sha256_of(path),
            vectors=len(vectors),
            variants=tuple(variant for variant in variants if variant.model == path.name),
        )
        packed.append(one)
        records.append({**one.file_json(), **record, "vectors": vectors})
    contract = {
        "schema_version": SCHEMA_VERSION,
        "edgeseal": __version__,
        "tolerances": TOLERANCES,
        "models": records,
    }
    (draft / "contract.json").write_text(json.dumps(contract, indent=1) + "\n")
    _write_texts(draft, infos, is_bundled=photos == photo_paths()[:_PICTURES])
    return tuple(packed)


def _vectors(
    path: Path,
    info: ModelInfo,
    embedders: dict[str, LiteRTEmbedder],
    pictures: Sequence[tuple[str, NDArray[np.uint8]]],
    folder: Path,
) -> list[dict[str, Any]]:
    folder.mkdir()
    if info.part == "embedder":
        found = embedder_vectors(embedders[info.card], pictures, folder)
    else:
        shown = _marked(embedders.get(info.card), pictures)
        found = detector_vectors(load_detector(path), shown, folder)
    return [{"folder": f"vectors/{path.stem}", **vector} for vector in found]


def _marked(
    embedder: LiteRTEmbedder | None, pictures: Sequence[tuple[str, NDArray[np.uint8]]]
) -> list[tuple[str, NDArray[np.uint8]]]:
    """Mark all but the first picture, as far as there is an embedder."""
    if embedder is None:
        return list(pictures)
    marked = [
        (
            f"{name}_marked",
            embedder.embed(pixels, Message.random(embedder.info.bits, seed=i)).pixels,
        )
        for i, (name, pixels) in enumerate(pictures)
        if i
    ]
    return [*pictures[:1], *marked]


def _licence(card: str) -> str | None:
    return load_card(card).licence if card in card_names() else None


def _write_texts(draft: Path, infos: Sequence[ModelInfo], *, is_bundled: bool) -> None:
    """Write the samples, and whose weights and pictures these are."""
    for sample in (importlib.resources.files(__package__) / "samples").iterdir():
        target = draft if sample.name in ("verify.py", "README.md") else draft / "samples"
        target.mkdir(exist_ok=True)
        (target / sample.name).write_bytes(sample.read_bytes())
    lines = ["# Licences", ""]
    for card in sorted({info.card for info in infos}):
        lines.append(f"- weights of {card}: {_licence(card) or 'not known to this pack'}")
    lines += ["- verify.py and samples/: MIT, as Edgeseal", ""]
    if is_bundled:
        lines.append(attribution())
    (draft / "LICENCES.md").write_text("\n".join(lines))


def _write_sums(draft: Path) -> None:
    """Write checksums in the form that ``sha256sum --check`` reads."""
    files = sorted(path for path in draft.rglob("*") if path.is_file())
    sums = [f"{sha256_of(path)}  {path.relative_to(draft).as_posix()}\n" for path in files]
    (draft / "SHA256SUMS").write_text("".join(sums))
