"""``edgeseal sensitivity``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgeseal._files import check_apart
from edgeseal.cli._shared._console import new_table, print_json, print_table
from edgeseal.cli._shared._options import (
    FloatArgument,
    ImagesOption,
    JsonOption,
    MarkedOption,
    MarkerOption,
    SeedOption,
)
from edgeseal.cli._task import TaskChoice

if TYPE_CHECKING:
    from edgeseal.tflite.tuning import LayerCost

__all__ = ["sensitivity"]


def sensitivity(
    source: FloatArgument,
    images: ImagesOption = None,
    embedder: MarkerOption = None,
    message: MarkedOption = None,
    recipe_name: Annotated[
        str,
        typer.Option("--recipe", metavar="NAME|FILE.json", help="Whose methods to use."),
    ] = "dynamic-int8",
    every: Annotated[
        bool, typer.Option("--exact", help="Measure every precision of every layer.")
    ] = False,
    seed: SeedOption = 0,
    plot: Annotated[
        Path | None, typer.Option(metavar="OUT.png|OUT.svg", help="Draw the costs.")
    ] = None,
    state: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Keep what was measured here, to go on from."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the plot.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Find out what each layer costs when it alone is quantized.

    Every layer is screened in one pass; the larger ones are then tried in the whole model. Without
    --embedder or --message, results are compared with the float model's. After an interruption
    the same command goes on from FLOAT.tflite.sensitivity.part.
    """
    from edgeseal._files import check_output
    from edgeseal.tflite.graph import read_model
    from edgeseal.tflite.quantization import find_recipe
    from edgeseal.tflite.tuning import (
        check_plot,
        check_source,
        measure_sensitivity,
        plot_sensitivity,
        sensitivity_record,
    )

    choice = TaskChoice.of(images, embedder, message, seed)
    kept = state or source.with_name(source.name + ".sensitivity.part")
    check_apart([source, embedder, recipe_name, *choice.pictures], [plot, kept])
    if plot is not None:
        check_plot(plot)
        check_output(plot, overwrite=overwrite)
    base = find_recipe(recipe_name)
    check_source(read_model(source), base, str(source))
    with choice.trials(source, base, kept) as (layers, trials):
        costs = measure_sensitivity(
            trials, layers, base, every=every, least_share=0.0 if every else 0.003
        )
    if plot is not None:
        plot_sensitivity(costs, plot, overwrite=overwrite)
    if state is None:
        kept.unlink(missing_ok=True)
    metric = trials.task.metric
    if as_json:
        print_json("sensitivity", {"source": str(source), **sensitivity_record(costs, metric)})
    else:
        _show(costs, metric)


def _show(costs: list[LayerCost], metric: str) -> None:
    columns = ("layer", "precision", "saved MiB", "own NSR", "NMSE(img)", metric, "time")
    table = new_table(*columns, right=columns[2:], names=("layer",), keys=2)
    for cost in costs:
        drop = "" if cost.drop_points is None else f"{-cost.drop_points:+.2f}"
        ratio = "" if cost.time_ratio is None else f"{cost.time_ratio:.2f}"
        error = f"{cost.nmse_img:.1e}" if cost.is_measured else f"~{cost.nmse_img:.1e}"
        saved = f"{cost.saved_bytes / 2**20:.3f}"
        own = f"{cost.own_nsr:.1e}"
        table.add_row(cost.layer, cost.precision, saved, own, error, drop, ratio)
    print_table(table)
