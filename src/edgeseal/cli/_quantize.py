"""``edgeseal quantize``."""

from __future__ import annotations

from typing import Any

from edgeseal.cli._shared._console import print_result
from edgeseal.cli._shared._input_options import takes_inputs
from edgeseal.cli._shared._options import (
    CalibrationOption,
    EndsOption,
    FloatArgument,
    JsonOption,
    OutputOption,
    OverwriteOption,
    RangesOption,
    RecipeOption,
    SaveRangesOption,
)
from edgeseal.cli._shared._progress import ConsoleProgress

__all__ = ["quantize"]


@takes_inputs
def quantize(
    source: FloatArgument,
    recipe: RecipeOption,
    output: OutputOption,
    calibration: CalibrationOption = None,
    ranges: RangesOption = None,
    save_ranges: SaveRangesOption = None,
    io: EndsOption = "float32",
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
    **inputs: Any,
) -> None:
    """Quantize a float model; needs no PyTorch.

    Says how much of it is quantized: of the weights, and of the multiply-accumulates, and how far
    an embedder's watermark is off. Exits with 1 if LiteRT cannot prepare the result, or if that is
    another watermark.
    """
    import edgeseal

    found = edgeseal.quantize(
        source,
        recipe,
        output,
        calibration=calibration or (),
        ranges=ranges,
        save_ranges=save_ranges,
        io=io,
        overwrite=overwrite,
        progress=ConsoleProgress(),
        **inputs,
    )
    print_result("quantize", found, as_json=as_json, notes=found.notes())
