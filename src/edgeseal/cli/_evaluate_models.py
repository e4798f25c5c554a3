"""Which models to evaluate: files, folders of them, or the bundled reference pair."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgeseal.cli._shared._console import busy, note
from edgeseal.cli._shared._converter import load_converter, require_conversion
from edgeseal.errors import FileError, ModelError, UsageError

__all__ = ["choose_models", "make_reference_pair"]

_CARD = "reference"
_RECIPES = ("float32", "dynamic-int8")


def choose_models(paths: Sequence[Path], embedder: Path | None) -> tuple[list[Path], Path]:
    """Return detectors and the embedder: those named, and those in the folders that were named.

    Raises:
        UsageError: there is no detector, or no embedder or more than one to choose from.
        FileError, ModelError: a file cannot be read.
    """
    detectors: list[Path] = []
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            more, writers = _search(path)
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
                f"{listed}: needs one embedder to mark the pictures, found {names}; give "
                "--embedder EMBEDDER.tflite"
            )
        embedder = candidates[0]
    return detectors, embedder


def make_reference_pair(folder: Path) -> Path:
    """Convert the bundled reference pair into a folder, unless it is there, and return that.

    Raises:
        MissingExtraError: the extra ``convert`` is not installed.
        EdgesealError: the conversion fails.
    """
    from edgeseal._files import make_folder
    from edgeseal.watermark.cards import Part

    files = {
        (part, recipe): folder / f"{_CARD}_{part.value}_{recipe}.tflite"
        for part in Part
        for recipe in _RECIPES
        if part is Part.DETECTOR or recipe == _RECIPES[0]
    }
    if all(path.is_file() for path in files.values()):
        return folder
    require_conversion("edgeseal evaluate without a model")
    note("no models given: evaluating the bundled reference pair, float32 and dynamic-int8")
    load_converter()
    make_folder(folder)
    for part in Part:
        _convert(part, {recipe: path for (one, recipe), path in files.items() if one is part})
    return folder


def _convert(part: object, files: dict[str, Path]) -> None:
    from edgeseal.tflite.graph import read_model, write_model
    from edgeseal.tflite.quantization import find_recipe, quantize
    from edgeseal.watermark.cards import Part, load_card
    from edgeseal.watermark.convert import convert_part
    from edgeseal.watermark.models import read_checkpoint

    chosen = Part(part)
    card = load_card(_CARD)
    with busy(f"converting the {chosen.value} of {card.name}"):
        model = convert_part(read_checkpoint(None, card).load(card, chosen)).model
        source = files[_RECIPES[0]]
        write_model(model, source, overwrite=True)
    for recipe, path in files.items():
        if path != source:
            quantized = read_model(source)
            quantize(quantized, find_recipe(recipe))
            write_model(quantized, path, overwrite=True)


def _is_embedder(path: Path) -> bool:
    """Whether a file says that it is an embedder; what is wrong with others shows later."""
    from edgeseal.tflite.graph import read_model
    from edgeseal.watermark.runtime import has_info, read_info

    if path.suffix.lower() != ".tflite":
        return False
    try:
        model = read_model(path)
        return has_info(model) and read_info(model, source=str(path)).part == "embedder"
    except (FileError, ModelError):
        return False


def _search(folder: Path) -> tuple[list[Path], list[Path]]:
    """Return the detectors and the embedders in a folder; others are named and left out."""
    from edgeseal.tflite.graph import read_model
    from edgeseal.tflite.probe import refusal
    from edgeseal.watermark.runtime import has_info, read_info

    detectors: list[Path] = []
    embedders: list[Path] = []
    for path in sorted(folder.glob("*.tflite")):
        try:
            model = read_model(path)
        except ModelError as failure:
            note(f"left out: {failure}")
            continue
        if not has_info(model):
            note(f"left out: {path}: was not written by edgeseal")
        elif read_info(model, source=str(path)).part == "embedder":
            embedders.append(path)
        elif (reason := refusal(path)) is not None:
            note(f"left out: {path}: LiteRT cannot prepare it: {reason}")
        else:
            detectors.append(path)
    return detectors, embedders
