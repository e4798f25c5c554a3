"""``edgeseal convert``."""

from __future__ import annotations

import contextlib
import copy
import enum
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgeseal._files import check_apart, check_outputs, output_folder
from edgeseal.cli._embedder_gate import is_acceptable, watermark_error_db
from edgeseal.cli._shared._console import (
    busy,
    download_bar,
    mib,
    new_table,
    note,
    print_json,
    print_table,
)
from edgeseal.cli._shared._converter import load_converter, require_conversion
from edgeseal.cli._shared._options import (
    CardArgument,
    CheckpointOption,
    JsonOption,
    RandomWeightsOption,
)
from edgeseal.errors import FileError, ModelError, UsageError

if TYPE_CHECKING:
    from edgeseal.tflite.graph import Model
    from edgeseal.tflite.quantization import Recipe
    from edgeseal.watermark.cards import Card, Part
    from edgeseal.watermark.convert import Conversion
    from edgeseal.watermark.models import LoadedPart

__all__ = ["convert"]

_DEFAULT_RECIPES = ["float32", "dynamic-int8"]


class _Parts(str, enum.Enum):
    DETECTOR = "detector"
    EMBEDDER = "embedder"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class _Written:
    """A file that was written.

    The differences are those of the float32 file, the error that of another embedder, else None.
    """

    path: str
    part: str
    recipe: str
    size_bytes: int
    rewrite_difference: float | None
    runtime_difference: float | None
    refusal: str | None
    watermark_error_db: float | None = None


def convert(
    card_name: CardArgument,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="DIR", help="Folder for the files.")
    ],
    part: Annotated[_Parts, typer.Option("--part", help="What to convert.")] = _Parts.BOTH,
    checkpoint: CheckpointOption = None,
    seed: RandomWeightsOption = None,
    recipes: Annotated[
        list[str] | None,
        typer.Option(
            "--recipe",
            metavar="NAME|FILE.json",
            help="How to quantize; may be repeated. [default: float32 and dynamic-int8]",
        ),
    ] = None,
    with_attenuation: Annotated[
        bool,
        typer.Option(
            "--with-attenuation",
            help="Let the embedder's file attenuate the watermark itself, by the small picture.",
        ),
    ] = False,
    allow_unexpected: Annotated[
        bool,
        typer.Option("--allow-unexpected", help="Leave out tensors that nothing accounts for."),
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Convert a PyTorch checkpoint to LiteRT.

    Writes CARD_PART_RECIPE.tflite for each part and recipe. Attenuation is the runtime's business,
    which computes it of the picture at its full size; a file made with --with-attenuation
    (CARD_embedder-attenuated_RECIPE.tflite) is for runtimes that cannot.
    """
    if checkpoint is not None and seed is not None:
        raise UsageError("--checkpoint and --random-weights contradict each other; give one")
    card, chosen = _choose(card_name, recipes)
    parts = _parts(part)
    from edgeseal.watermark.cards import Part

    attenuated = Part.EMBEDDER if with_attenuation else None
    if attenuated is not None and attenuated not in parts:
        raise UsageError(
            "--with-attenuation is for embedders; give --part embedder, or leave it out"
        )
    names = [
        _file_name(card, one, r, is_attenuated=one is attenuated) for one in parts for r in chosen
    ]
    check_apart([checkpoint, *(recipes or ())], [output / name for name in names])
    check_outputs(output, names, overwrite=overwrite)
    require_conversion("edgeseal convert")
    load = _loader(card, checkpoint, seed, allow_unexpected=allow_unexpected)
    # Everything that can be wrong with the weights shows before the first conversion.
    networks = [load(one) for one in parts]
    for line in dict.fromkeys(line for one in networks for line in one.provenance.adopted):
        note(f"as the checkpoint records: {line}")
    if attenuated is not None and networks[-1].card.attenuation is None:
        raise UsageError(f"{card.name}: has no attenuation; leave out --with-attenuation")
    load_converter()
    written: list[_Written] = []
    with output_folder(output):
        for loaded in networks:
            is_attenuated = loaded.part is attenuated
            written += _write_part(
                loaded, chosen, output, overwrite=overwrite, is_attenuated=is_attenuated
            )
    _show(card, written, as_json=as_json)
    if any(file.refusal or not is_acceptable(file.watermark_error_db) for file in written):
        raise typer.Exit(1)


def _choose(card_name: str, names: list[str] | None) -> tuple[Card, list[Recipe]]:
    """Look up the card and the recipes; what is wrong with any of them is said together."""
    from edgeseal.tflite.quantization import find_recipe
    from edgeseal.watermark.cards import load_card

    problems: list[str] = []
    chosen: dict[str, Recipe] = {}
    for name in names or _DEFAULT_RECIPES:
        try:
            chosen[name] = find_recipe(name)
        except (FileError, UsageError) as failure:
            problems.append(str(failure))
    try:
        card = load_card(card_name)
    except UsageError as failure:
        raise UsageError("\n  ".join([str(failure), *problems])) from None
    if problems:
        raise UsageError("\n  ".join(problems))
    return card, list(chosen.values())


def _parts(choice: _Parts) -> list[Part]:
    from edgeseal.watermark.cards import Part

    return list(Part) if choice is _Parts.BOTH else [Part(choice.value)]


def _file_name(card: Card, part: Part, recipe: Recipe, *, is_attenuated: bool) -> str:
    kind = f"{part.value}-attenuated" if is_attenuated else part.value
    return f"{card.name}_{kind}_{recipe.name}.tflite"


def _loader(
    card: Card, checkpoint: str | None, seed: int | None, *, allow_unexpected: bool
) -> Callable[[Part], LoadedPart]:
    """Return what loads a part: from one checkpoint, read now, or from a seed."""
    from edgeseal.watermark.models import random_weights, read_checkpoint

    if seed is not None:
        return lambda part: random_weights(card, part, seed)
    source = checkpoint or card.checkpoint.source
    with download_bar(source) as progress:
        opened = read_checkpoint(source, card, progress=progress)
    return lambda part: opened.load(card, part, allow_unexpected=allow_unexpected)


def _write_part(
    loaded: LoadedPart,
    recipes: list[Recipe],
    folder: Path,
    *,
    overwrite: bool,
    is_attenuated: bool,
) -> Iterator[_Written]:
    """Convert a part once, and quantize and write it with each recipe."""
    from edgeseal.watermark.convert import convert_part

    if loaded.provenance.unexpected:
        note(f"left out, as allowed: {', '.join(loaded.provenance.unexpected)}")
    with busy(f"converting the {loaded.part.value} of {loaded.card.name}"):
        conversion = convert_part(loaded, include_attenuation=is_attenuated)
    with _float_file(conversion.model, recipes, loaded.part) as float_path:
        yield from _write_recipes(
            loaded, conversion, recipes, folder, float_path, overwrite=overwrite
        )


def _write_recipes(
    loaded: LoadedPart,
    conversion: Conversion,
    recipes: list[Recipe],
    folder: Path,
    float_path: Path | None,
    *,
    overwrite: bool,
) -> Iterator[_Written]:
    """Quantize and write with each recipe, and compare embedders with the float file."""
    from edgeseal.tflite.graph import write_model
    from edgeseal.tflite.probe import refusal
    from edgeseal.tflite.quantization import quantize

    is_attenuated = conversion.info.included_attenuation is not None
    for recipe in recipes:
        name = _file_name(loaded.card, loaded.part, recipe, is_attenuated=is_attenuated)
        path = folder / name
        with busy(f"writing {path.name}"):
            model = conversion.model
            if recipe is not recipes[-1]:
                model = _copied(model)  # quantization is done in place
            try:
                quantize(model, recipe)
            except (ModelError, UsageError) as failure:
                raise type(failure)(f"{path}: {failure}") from failure
            write_model(model, path, overwrite=overwrite)
            reason = refusal(path)
        if reason is not None:
            note(f"{path}: LiteRT cannot prepare this model: {reason}")
        is_float = recipe.is_float32
        error_db = None
        if float_path is not None and reason is None and not is_float:
            error_db = watermark_error_db(float_path, path)
        yield _Written(
            str(path),
            loaded.part.value,
            recipe.name,
            path.stat().st_size,
            conversion.rewrite_difference if is_float else None,
            conversion.runtime_difference if is_float else None,
            reason,
            error_db,
        )


@contextlib.contextmanager
def _float_file(model: Model, recipes: list[Recipe], part: Part) -> Iterator[Path | None]:
    """Write an embedder's float file for the body, if others are compared with it."""
    from edgeseal.tflite.graph import write_model
    from edgeseal.watermark.cards import Part

    if part is not Part.EMBEDDER or all(recipe.is_float32 for recipe in recipes):
        yield None
        return
    with tempfile.TemporaryDirectory() as folder:
        write_model(model, Path(folder) / "float32.tflite")
        yield Path(folder) / "float32.tflite"


def _copied(model: Model) -> Model:
    """Copy a model without its constants' data, which quantization replaces but never changes."""
    buffers = (tensor.buffer for graph in model.subgraphs for tensor in graph.tensors())
    return copy.deepcopy(model, {id(buffer): buffer for buffer in buffers if buffer is not None})


def _show(card: Card, written: list[_Written], *, as_json: bool) -> None:
    if as_json:
        print_json("convert", {"card": card.name, "files": [asdict(file) for file in written]})
        return
    numbers = "size", "rewritten - plain", "LiteRT - PyTorch", "watermark error"
    table = new_table("file", *numbers, "runs", right=numbers, texts=("file",))
    for file in written:
        differences = file.rewrite_difference, file.runtime_difference
        texts = ("" if value is None else f"{value:.1e}" for value in differences)
        error_db = file.watermark_error_db
        row = [mib(file.size_bytes), *texts, "" if error_db is None else f"{error_db:.1f} dB"]
        table.add_row(file.path, *row, "yes" if file.refusal is None else "NO")
    print_table(table)
