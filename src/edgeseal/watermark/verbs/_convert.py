"""Converts checkpoints to LiteRT, and quantizes what comes of it."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgeseal._files import check_apart, check_output, check_outputs, listed, output_folder
from edgeseal._leftovers import scratch_folder
from edgeseal._problems import Problems
from edgeseal._progress import SILENT, Progress
from edgeseal.errors import ModelError, UsageError
from edgeseal.tflite.graph import Model, write_model
from edgeseal.tflite.probe import refusal
from edgeseal.tflite.quantization import (
    CalibrationSource,
    Ends,
    Recipe,
    find_ends,
    find_recipe,
    quantize,
)
from edgeseal.watermark import cards
from edgeseal.watermark.cards import Card, Part
from edgeseal.watermark.evaluate import watermark_error_db, watermark_problem
from edgeseal.watermark.verbs._converter import load_converter, require_packages
from edgeseal.watermark.verbs._weights import Weights

if TYPE_CHECKING:
    from edgeseal.tflite.calibration import Calibration
    from edgeseal.watermark.convert import Conversion
    from edgeseal.watermark.models import LoadedPart

__all__ = ["ConvertedFile", "ConvertedFiles", "convert"]

_RECIPES = ("float32", "dynamic-int8")
_BOTH = "both"


@dataclass(frozen=True, slots=True)
class ConvertedFile:
    """A file that was written.

    Attributes:
        path: the file.
        part: ``detector`` or ``embedder``.
        recipe: how it is quantized.
        size_bytes: of the file.
        rewrite_difference: of a float32 file, the largest difference of the exported form from the
            plain definition; else None.
        runtime_difference: of a float32 file, the largest difference of LiteRT's results from
            PyTorch's; else None.
        refusal: why LiteRT cannot prepare it; None if it can.
        watermark_error_db: of a quantized embedder, how far its watermark is off; else None.
    """

    path: str
    part: str
    recipe: str
    size_bytes: int
    rewrite_difference: float | None
    runtime_difference: float | None
    refusal: str | None
    watermark_error_db: float | None

    @property
    def problem(self) -> str | None:
        """What is wrong with it: LiteRT refuses it, or it draws another watermark."""
        if self.refusal is not None:
            return f"LiteRT cannot prepare this model: {self.refusal}"
        return watermark_problem(self.watermark_error_db)


@dataclass(frozen=True, slots=True)
class ConvertedFiles:
    """What came of a checkpoint.

    Attributes:
        card: name of the model card.
        files: in the order that they were written.
    """

    card: str
    files: tuple[ConvertedFile, ...]

    @property
    def is_good(self) -> bool:
        """Whether nothing is wrong with any file."""
        return all(file.problem is None for file in self.files)

    def to_json(self) -> dict[str, object]:
        """Return everything, for ``json.dumps``."""
        return {"card": self.card, "files": [asdict(file) for file in self.files]}

    def __str__(self) -> str:
        """Return a line for each file."""
        return "\n".join(
            f"{file.path}: {file.problem or f'{file.size_bytes / 2**20:.2f} MiB'}"
            for file in self.files
        )


def convert(
    card: str,
    output: str | Path,
    *,
    part: str = _BOTH,
    checkpoint: str | Path | None = None,
    random_weights: int | None = None,
    recipes: str | Path | Sequence[str | Path] = _RECIPES,
    calibration: str | Path | Sequence[str | Path] = (),
    ranges: str | Path | None = None,
    save_ranges: str | Path | None = None,
    io: str = Ends.FLOAT32.value,
    with_attenuation: bool = False,
    allow_unexpected: bool = False,
    overwrite: bool = False,
    progress: Progress = SILENT,
) -> ConvertedFiles:
    """Convert a PyTorch checkpoint to LiteRT; what ``edgeseal convert`` does.

    Writes ``CARD_PART_RECIPE.tflite`` for each part and recipe.

    Args:
        card: name of a model card.
        output: folder for the files.
        part: ``detector``, ``embedder`` or ``both``.
        checkpoint: path or address of the weights; the card's own if None.
        random_weights: seed of random weights instead, for trying out.
        recipes: how to quantize: names, or paths of recipe files.
        calibration: pictures to observe the models on; the bundled ones where a recipe needs some.
        ranges: ranges that were saved, instead of pictures; those of one part.
        save_ranges: where to save what is observed, of one part.
        io: what the models take and give: float32, int8 or uint8.
        with_attenuation: whether the embedder's file attenuates the watermark itself.
        allow_unexpected: whether to leave out tensors that nothing accounts for.
        overwrite: whether to replace files.
        progress: hears what goes on.

    Raises:
        UsageError: arguments are unknown or contradict each other; all of it is said.
        OutputExistsError, FileError: files exist and may not be replaced, or cannot be written.
        CheckpointError, DownloadError: the weights cannot be used or fetched.
        ConversionError: a converted model is not equal to its source.
        ModelError: a recipe cannot be carried out.
        MissingExtraError: the extra for conversion is not installed.
    """
    recipes, calibration = listed(recipes), listed(calibration)
    folder, saved = Path(output), None if save_ranges is None else Path(save_ranges)
    source = CalibrationSource(calibration, None if ranges is None else Path(ranges), saved)
    weights = Weights(checkpoint, random_weights, allow_unexpected)
    problems = Problems()
    with problems.collected():
        weights.check()
    chosen = list(_find_recipes(recipes, problems))
    parts = _find_parts(part, with_attenuation, source, problems)
    with problems.collected():
        source.check(chosen)
    with problems.collected():
        ends = find_ends(io)
    with problems.collected():
        found = cards.load_card(card)
        names = [_file_name(found, one, r, with_attenuation) for one in parts for r in chosen]
        inputs = [checkpoint, ranges, *recipes, *calibration]
        check_apart(inputs, [*(folder / name for name in names), saved])
        check_outputs(folder, names, overwrite=overwrite)
        if saved is not None:
            check_output(saved, overwrite=overwrite)
    problems.check()
    require_packages("edgeseal convert")
    # Everything that can be wrong with the weights shows before the first conversion.
    networks = weights.load(found, parts, progress)
    if with_attenuation and networks[-1].card.attenuation is None:
        raise UsageError(f"{found.name}: has no attenuation; leave out `with_attenuation`")
    load_converter(progress)
    writing = _Writing(chosen, source, ends, folder, overwrite, progress)
    with output_folder(folder):
        written = [
            file
            for loaded in networks
            for file in writing.write(loaded, with_attenuation and loaded.part is Part.EMBEDDER)
        ]
    return ConvertedFiles(found.name, tuple(written))


def _find_recipes(names: Sequence[str | Path], problems: Problems) -> Iterator[Recipe]:
    for name in dict.fromkeys(names):
        with problems.collected():
            yield find_recipe(str(name))


def _find_parts(
    part: str, with_attenuation: bool, source: CalibrationSource, problems: Problems
) -> list[Part]:
    known = [_BOTH, *(one.value for one in Part)]
    if part not in known:
        problems.add(f"`part`: expected one of {', '.join(known)}, got {part!r}")
        return []
    parts = list(Part) if part == _BOTH else [Part(part)]
    if with_attenuation and Part.EMBEDDER not in parts:
        problems.add("`with_attenuation` is for embedders; give `part` embedder, or leave it out")
    if len(parts) > 1 and (source.ranges or source.save_ranges) is not None:
        problems.add(
            "`ranges` and `save_ranges` are those of one model; give `part` detector or embedder"
        )
    return parts


def _file_name(card: Card, part: Part, recipe: Recipe, with_attenuation: bool) -> str:
    is_attenuated = with_attenuation and part is Part.EMBEDDER
    kind = f"{part.value}-attenuated" if is_attenuated else part.value
    return f"{card.name}_{kind}_{recipe.name}.tflite"


@dataclass(frozen=True, slots=True)
class _Writing:
    """Converts parts, each once, and quantizes and writes them with each recipe."""

    recipes: list[Recipe]
    source: CalibrationSource
    ends: Ends
    folder: Path
    overwrite: bool
    progress: Progress

    def write(self, loaded: LoadedPart, is_attenuated: bool) -> Iterator[ConvertedFile]:
        """Yield the files of a part as they are written."""
        from edgeseal.watermark.convert import convert_part

        with self.progress.busy(f"converting the {loaded.part.value} of {loaded.card.name}"):
            conversion = convert_part(loaded, include_attenuation=is_attenuated)
        with scratch_folder() as scratch:
            reference = None
            if loaded.part is Part.EMBEDDER and not all(r.is_float32 for r in self.recipes):
                reference = scratch / "float32.tflite"
                write_model(conversion.model, reference)
            with self.source.opened(conversion.model, self.recipes, self.progress) as calibration:
                for recipe in self.recipes:
                    name = _file_name(loaded.card, loaded.part, recipe, is_attenuated)
                    path = self.folder / name
                    self._quantize(conversion, recipe, calibration, path)
                    yield self._tried(conversion, loaded.part, recipe, path, reference)
        if calibration is not None and self.source.save_ranges is not None:
            calibration.save(self.source.save_ranges, overwrite=self.overwrite)

    def _quantize(
        self, conversion: Conversion, recipe: Recipe, calibration: Calibration | None, path: Path
    ) -> None:
        with self.progress.busy(f"writing {path.name}"):
            model = conversion.model
            if recipe is not self.recipes[-1]:
                model = _copied(model)  # quantization is done in place
            used = calibration if recipe.uses_calibration else None
            try:
                quantize(model, recipe, calibration=used, ends=self.ends)
            except (ModelError, UsageError) as failure:
                raise type(failure)(f"{path}: {failure}") from failure
            write_model(model, path, overwrite=self.overwrite)

    def _tried(
        self,
        conversion: Conversion,
        part: Part,
        recipe: Recipe,
        path: Path,
        reference: Path | None,
    ) -> ConvertedFile:
        """Return a file after trying it, an embedder's against the float one."""
        reason, is_float = refusal(path), recipe.is_float32
        error_db = None
        if reference is not None and reason is None and not is_float:
            error_db = watermark_error_db(reference, path)
        file = ConvertedFile(
            str(path),
            part.value,
            recipe.name,
            path.stat().st_size,
            conversion.rewrite_difference if is_float else None,
            conversion.runtime_difference if is_float else None,
            reason,
            error_db,
        )
        if file.problem is not None:
            self.progress.note(f"{path}: {file.problem}")
        return file


def _copied(model: Model) -> Model:
    """Copy a model without its constants' data, which quantization replaces but never changes."""
    buffers = (tensor.buffer for graph in model.subgraphs for tensor in graph.tensors())
    return copy.deepcopy(model, {id(buffer): buffer for buffer in buffers if buffer is not None})
