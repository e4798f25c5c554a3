"""``edgeseal tune``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgeseal.cli._shared._console import new_table, print_result, print_table, print_text
from edgeseal.cli._shared._input_options import takes_inputs
from edgeseal.cli._shared._options import (
    CalibrationOption,
    FloatArgument,
    ImagesOption,
    JsonOption,
    MarkedOption,
    MarkerOption,
    OutputOption,
    OverwriteOption,
    PlotOption,
    RecipeOption,
    SeedOption,
)
from edgeseal.cli._shared._progress import ConsoleProgress

if TYPE_CHECKING:
    from edgeseal.tflite import TunedFile

__all__ = ["tune"]


@takes_inputs
def tune(
    source: FloatArgument,
    output: OutputOption,
    max_size_mib: Annotated[
        float | None, typer.Option("--max-size", metavar="MIB", help="Largest file.")
    ] = None,
    max_drop: Annotated[
        float | None,
        typer.Option(
            "--max-drop",
            metavar="D",
            help="Largest loss against float32, in points of a hundred.",
        ),
    ] = None,
    max_time_ratio: Annotated[
        float | None,
        typer.Option(
            "--max-time", metavar="R", help="Longest time of a run, by the float model's."
        ),
    ] = None,
    images: ImagesOption = None,
    embedder: MarkerOption = None,
    message: MarkedOption = None,
    calibration: CalibrationOption = None,
    recipe: RecipeOption = "dynamic-int8",
    seed: SeedOption = 0,
    plot: PlotOption = None,
    report: Annotated[
        Path | None,
        typer.Option("--report", metavar="OUT.json", help="Write all that was measured."),
    ] = None,
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
    **inputs: Any,
) -> None:
    """Search layer by layer for the best file within a budget.

    With --max-drop that is the smallest file within it, else the one that loses least. With
    --calibration, methods that learn from pictures are tried as well. Writes OUT.tflite and
    OUT.recipe.json, from which `edgeseal quantize` makes the same file again. Exits with 1 if the
    budget cannot be met, and says by how much. After an interruption the same command goes on from
    OUT.tflite.part.
    """
    import edgeseal

    found = edgeseal.tune(
        source,
        output,
        max_size_mib=max_size_mib,
        max_drop=max_drop,
        max_time_ratio=max_time_ratio,
        images=images or None,
        embedder=embedder,
        message=message,
        calibration=calibration or (),
        recipe=recipe,
        seed=seed,
        plot=plot,
        report=report,
        overwrite=overwrite,
        progress=ConsoleProgress(),
        **inputs,
    )
    shortfalls = (f"the budget cannot be met: {line}" for line in found.found.shortfalls)
    print_result("tune", found, as_json=as_json, show=lambda: _show(found), notes=shortfalls)


def _show(result: TunedFile) -> None:
    found = result.found
    columns = ("candidate", "MiB", "drop (points)", "x float time", "front", "")
    table = new_table(*columns, right=columns[1:4], names=("candidate",))
    front = {one.name for one in found.front}
    for one in (*found.fixed, *found.mixes):
        table.add_row(
            one.name,
            f"{one.trial.size_bytes / 2**20:.2f}",
            f"{one.drop_points:.3f}",
            f"{one.time_ratio:.2f}",
            "*" if one.name in front else "",
            "winner" if one is found.winner else "",
        )
    print_table(table)
    print_text(f"metric: {result.metric}; float32: {100 * found.float_trial.score:.2f} points")
    if found.winner is not None:
        print_text(
            f"{result.path}: {found.winner.name}; made again with --recipe {result.recipe_path}"
        )
