"""``edgeseal sensitivity``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgeseal.cli._shared._console import new_table, print_result, print_table
from edgeseal.cli._shared._input_options import takes_inputs
from edgeseal.cli._shared._options import (
    FloatArgument,
    ImagesOption,
    JsonOption,
    MarkedOption,
    MarkerOption,
    OverwriteOption,
    PlotOption,
    RecipeOption,
    SeedOption,
)
from edgeseal.cli._shared._progress import ConsoleProgress

if TYPE_CHECKING:
    from edgeseal.tflite import SensitivityResult

__all__ = ["sensitivity"]


@takes_inputs
def sensitivity(
    source: FloatArgument,
    images: ImagesOption = None,
    embedder: MarkerOption = None,
    message: MarkedOption = None,
    recipe: RecipeOption = "dynamic-int8",
    full: Annotated[
        bool, typer.Option("--full", help="Measure every precision of every layer.")
    ] = False,
    seed: SeedOption = 0,
    plot: PlotOption = None,
    state: Annotated[
        Path | None,
        typer.Option("--state", metavar="FILE", help="Keep what was measured here, to go on from."),
    ] = None,
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
    **inputs: Any,
) -> None:
    """Find out what each layer costs when it alone is quantized.

    Every layer is screened in one pass; the larger ones are then tried in the whole model. Without
    --embedder or --message, results are compared with the float model's. After an interruption
    the same command goes on from FLOAT.tflite.sensitivity.part.
    """
    import edgeseal

    found = edgeseal.sensitivity(
        source,
        images=images or None,
        embedder=embedder,
        message=message,
        recipe=recipe,
        full=full,
        seed=seed,
        plot=plot,
        state=state,
        overwrite=overwrite,
        progress=ConsoleProgress(),
        **inputs,
    )
    print_result("sensitivity", found, as_json=as_json, show=lambda: _show(found))


def _show(found: SensitivityResult) -> None:
    columns = ("layer", "precision", "saved MiB", "own NSR", "NMSE(img)", found.metric, "time")
    table = new_table(*columns, right=columns[2:], names=("layer",), keys=2)
    for cost in found.costs:
        drop = "" if cost.drop_points is None else f"{-cost.drop_points:+.2f}"
        ratio = "" if cost.time_ratio is None else f"{cost.time_ratio:.2f}"
        error = f"{cost.nmse_img:.1e}" if cost.is_measured else f"~{cost.nmse_img:.1e}"
        saved = f"{cost.saved_bytes / 2**20:.3f}"
        own = f"{cost.own_nsr:.1e}"
        table.add_row(cost.layer, cost.precision, saved, own, error, drop, ratio)
    print_table(table)
