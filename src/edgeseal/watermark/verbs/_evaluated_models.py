"""Which models to evaluate: files, folders of them, or the bundled reference pair."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgeseal._progress import Progress
from edgeseal.errors import FileError, ModelError, UsageError
from edgeseal.tflite.graph import read_model
from edgeseal.tflite.probe import refusal
from edgeseal.watermark.cards import Part
from edgeseal.watermark.runtime import has_info, read_info
from edgeseal.watermark.verbs._convert import convert
from edgeseal.watermark.verbs._converter import require_packages

__all__ = ["choose_models", "make_reference_pair"]

_CARD = "reference"
_RECIPES = {Part.DETECTOR: ("float32", "dynamic-int8"), Part.EMBEDDER: ("float32",)}


def choose_models(
    paths: Sequence[Path], embedder: Path | None, progress: Progress
) -> tuple[list[Path], Path]:
    """Return detectors and the embedder: those named, and those in the folders that were named.

    Raises:
        UsageError: there is no detector, or no embedder or more than one to choose from.
        FileError, ModelError: a file cannot be read.
    """
    detectors: list[Path] = []
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            more, writers = _search(path, progress)
            detectors += more
            found += writers
        elif _is_embedder(path):
            found.append(path)
        else:
            detectors.append(path)
    listed = ", ".join(map(str, paths))
    if not detectors:
        raise UsageError(f"{listed}: no detector made by edgeseal in there; name files to evaluate")
    if embedder is None:
        floats = [path for path in found if path.stem.endswith("_float32")]
        candidates = floats or found
        if len(candidates) != 1:
            names = ", ".join(map(str, candidates)) or "none"
            raise UsageError(
                f"{listed}: needs one embedder to mark the pictures, found {names}; give `embedder`"
            )
        embedder = candidates[0]
    return detectors, embedder


def make_reference_pair(folder: Path, progress: Progress) -> Path:
    """Convert the bundled reference pair into a folder, unless it is there, and return that.

    Raises:
        MissingExtraError: the extra ``convert`` is not installed.
        EdgesealError: the conversion fails.
    """
    names = [f"{_CARD}_{part.value}_{name}" for part in Part for name in _RECIPES[part]]
    if all((folder / f"{name}.tflite").is_file() for name in names):
        return folder
    require_packages("edgeseal evaluate without a model")
    progress.note(
        "no models given: evaluating the bundled reference pair, float32 and dynamic-int8"
    )
    for part, recipes in _RECIPES.items():
        convert(_CARD, folder, part=part.value, recipes=recipes, overwrite=True, progress=progress)
    return folder


def _is_embedder(path: Path) -> bool:
    """Whether a file says that it is an embedder; what is wrong with others shows later."""
    if path.suffix.lower() != ".tflite":
        return False
    try:
        model = read_model(path)
        return has_info(model) and read_info(model, source=str(path)).part == "embedder"
    except (FileError, ModelError):
        return False


def _search(folder: Path, progress: Progress) -> tuple[list[Path], list[Path]]:
    """Return the detectors and the embedders in a folder; others are named and left out."""
    detectors: list[Path] = []
    embedders: list[Path] = []
    for path in sorted(folder.glob("*.tflite")):
        try:
            model = read_model(path)
        except ModelError as failure:
            progress.note(f"left out: {failure}")
            continue
        if not has_info(model):
            progress.note(f"left out: {path}: was not written by edgeseal")
        elif read_info(model, source=str(path)).part == "embedder":
            embedders.append(path)
        elif (reason := refusal(path)) is not None:
            progress.note(f"left out: {path}: LiteRT cannot prepare it: {reason}")
        else:
            detectors.append(path)
    return detectors, embedders
