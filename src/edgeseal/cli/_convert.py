"""``edgeseal convert``."""

from __future__ import annotations

from typing import Annotated

import typer

from edgeseal.cli._shared._console import mib, new_table, print_result, print_table
from edgeseal.cli._shared._options import (
    CalibrationOption,
    CardArgument,
    CheckpointOption,
    EndsOption,
    JsonOption,
    OutputFolderOption,
    OverwriteOption,
    RandomWeightsOption,
    RangesOption,
    SaveRangesOption,
)
from edgeseal.cli._shared._progress import ConsoleProgress

__all__ = ["convert"]


def convert(
    card: CardArgument,
    output: OutputFolderOption,
    part: Annotated[
        str, typer.Option("--part", metavar="detector|embedder|both", help="What to convert.")
    ] = "both",
    checkpoint: CheckpointOption = None,
    random_weights: RandomWeightsOption = None,
    recipes: Annotated[
        list[str] | None,
        typer.Option(
            "--recipe",
            metavar="NAME|FILE.json",
            help="How to quantize; may be repeated. [default: float32 and dynamic-int8]",
        ),
    ] = None,
    calibration: CalibrationOption = None,
    ranges: RangesOption = None,
    save_ranges: SaveRangesOption = None,
    io: EndsOption = "float32",
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
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
) -> None:
    """Convert a PyTorch checkpoint to LiteRT.

    Writes CARD_PART_RECIPE.tflite for each part and recipe. Attenuation is the runtime's business,
    which computes it of the picture at its full size; a file made with --with-attenuation
    (CARD_embedder-attenuated_RECIPE.tflite) is for runtimes that cannot.
    """
    import edgeseal

    written = edgeseal.convert(
        card,
        output,
        part=part,
        checkpoint=checkpoint,
        random_weights=random_weights,
        recipes=recipes or ("float32", "dynamic-int8"),
        calibration=calibration or (),
        ranges=ranges,
        save_ranges=save_ranges,
        io=io,
        with_attenuation=with_attenuation,
        allow_unexpected=allow_unexpected,
        overwrite=overwrite,
        progress=ConsoleProgress(),
    )

    def show() -> None:
        numbers = "size", "rewritten - plain", "LiteRT - PyTorch", "watermark error"
        table = new_table("file", *numbers, "runs", right=numbers, texts=("file",))
        for file in written.files:
            differences = file.rewrite_difference, file.runtime_difference
            texts = (None if value is None else f"{value:.1e}" for value in differences)
            error_db = file.watermark_error_db
            error = None if error_db is None else f"{error_db:.1f} dB"
            runs = "yes" if file.refusal is None else "NO"
            table.add_row(file.path, mib(file.size_bytes), *texts, error, runs)
        print_table(table)

    print_result("convert", written, as_json=as_json, show=show)
