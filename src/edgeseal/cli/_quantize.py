"""``edgeseal quantize``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgeseal.cli._console import mib, note, print_json, print_text, printable
from edgeseal.cli._embedder_gate import is_acceptable, watermark_error_db
from edgeseal.cli._options import FloatArgument, JsonOption, OverwriteFileOption
from edgeseal.cli._outputs import check_apart
from edgeseal.errors import ModelError, UsageError

if TYPE_CHECKING:
    from edgeseal.quantize import QuantizationReport, Share

__all__ = ["quantize"]


def quantize(
    source: FloatArgument,
    recipe_name: Annotated[
        str,
        typer.Option(
            "--recipe",
            metavar="NAME|FILE.json",
            help="How to quantize, such as dynamic-int8; `edgeseal recipes` lists them.",
        ),
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="OUT.tflite", help="File to write.")
    ],
    pictures: Annotated[
        list[Path] | None,
        typer.Option(
            "--calibration",
            metavar="DIR|PICTURE",
            help="Pictures to observe the model on, any number; may be repeated. [default: the "
            "bundled photographs, where the recipe needs some]",
        ),
    ] = None,
    ranges: Annotated[
        Path | None,
        typer.Option(metavar="FILE.json", help="Use ranges that were saved, and no pictures."),
    ] = None,
    save_ranges: Annotated[
        Path | None,
        typer.Option(
            "--save-ranges",
            metavar="FILE.json",
            help="Save what was observed; an interrupted run continues where it was.",
        ),
    ] = None,
    ends: Annotated[
        str,
        typer.Option(
            "--io",
            metavar="float32|int8|uint8",
            help="What the model takes and gives; integers where all of it is quantized.",
        ),
    ] = "float32",
    overwrite: OverwriteFileOption = False,
    as_json: JsonOption = False,
) -> None:
    """Quantize a float model; needs no PyTorch.

    Says how much of it is quantized: of the weights, and of the multiply-accumulates, and how far
    an embedder's watermark is off. Exits with 1 if LiteRT cannot prepare the result, or if that is
    another watermark.
    """
    from edgeseal._files import check_output
    from edgeseal.cli._calibration import calibrating, check_options
    from edgeseal.graph import read_model, write_model
    from edgeseal.quantize import Ends, find_recipe, make_plan, set_ends
    from edgeseal.quantize import quantize as apply_recipe
    from edgeseal.runtime import refusal

    recipe = find_recipe(recipe_name)
    if recipe.is_float32:
        raise UsageError(
            f"recipe {recipe.name} quantizes nothing; name another, such as dynamic-int8"
        )
    known = [kind.value for kind in Ends]
    if ends not in known:
        raise UsageError(f"--io: expected one of {', '.join(known)}, got {ends!r}")
    check_options(recipe, pictures, ranges, save_ranges)
    check_apart([source, ranges, recipe_name, *(pictures or ())], [output, save_ranges])
    for path in (output, save_ranges):
        if path is not None:
            check_output(path, overwrite=overwrite)
    model = read_model(source)
    before_bytes = source.stat().st_size
    try:
        plan = make_plan(model, recipe)  # what does not fit shows before any work
        if Ends(ends) is not Ends.FLOAT32 and not plan.is_integer:
            raise UsageError(
                f"--io {ends} goes with recipes that make every operator an integer one, such as "
                f"full-int8; {recipe.name} leaves some float"
            )
        with calibrating(model, recipe, pictures, ranges, save_ranges) as calibration:
            result = apply_recipe(model, recipe, calibration=calibration)
        set_ends(model, Ends(ends))
    except (ModelError, UsageError) as error:
        raise type(error)(f"{source}: {error}") from error
    write_model(model, output, overwrite=overwrite)
    if calibration is not None and save_ranges is not None:
        calibration.save(save_ranges, overwrite=overwrite)
    after_bytes = output.stat().st_size
    reason = refusal(output)
    error_db = None if reason is not None else watermark_error_db(source, output)
    if as_json:
        record = {"source": str(source), "path": str(output), "recipe": recipe.name}
        sizes = {"size_bytes_before": before_bytes, "size_bytes": after_bytes}
        print_json(
            "quantize",
            {
                **record,
                **sizes,
                "refusal": reason,
                "watermark_error_db": error_db,
                **_report_record(result),
            },
        )
    else:
        ratio = after_bytes / before_bytes
        print_text(f"{output}: {mib(before_bytes)} -> {mib(after_bytes)} ({ratio:.1%})")
        print_text(f"weights: {_shares(result.weights)}")
        print_text(f"multiply-accumulates: {_shares(result.macs)}")
        if error_db is not None:
            print_text(f"watermark error: {error_db:.1f} dB")
    for line in result.notes:
        note(printable(f"{output}: {line}"))
    if reason is not None:
        note(f"{output}: LiteRT cannot prepare this model: {reason}")
    if reason is not None or not is_acceptable(error_db):
        raise typer.Exit(1)


def _shares(shares: tuple[Share, ...]) -> str:
    return ", ".join(f"{part.share:.1%} {part.name}" for part in shares) or "none"


def _report_record(result: QuantizationReport) -> dict[str, object]:
    return {
        "weights": {part.name: part.share for part in result.weights},
        "macs": {part.name: part.share for part in result.macs},
        "layers": [asdict(layer) for layer in result.layers],
        "notes": list(result.notes),
    }
