"""``edgeseal tune``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgeseal.cli._console import (
    busy,
    new_table,
    note,
    print_json,
    print_table,
    print_text,
)
from edgeseal.cli._options import (
    FloatArgument,
    JsonOption,
    MarkedOption,
    MarkerOption,
    TaskImagesOption,
    TaskSeedOption,
)
from edgeseal.cli._outputs import check_apart
from edgeseal.cli._pictures import list_pictures
from edgeseal.cli._task import check_task, chosen_inputs, chosen_pictures, chosen_task
from edgeseal.errors import ModelError, UsageError

if TYPE_CHECKING:
    from edgeseal.quantize import Recipe
    from edgeseal.tune import Budget, Found, Layer, Trials

__all__ = ["tune"]


def tune(
    source: FloatArgument,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="OUT.tflite", help="File to write.")
    ],
    max_size_mb: Annotated[
        float | None, typer.Option(metavar="S", help="Largest file, in 10^6 bytes.")
    ] = None,
    max_drop: Annotated[
        float | None,
        typer.Option(metavar="D", help="Largest loss against float32, in points of a hundred."),
    ] = None,
    max_ms_ratio: Annotated[
        float | None,
        typer.Option(metavar="R", help="Longest time of a run, by the float model's."),
    ] = None,
    images: TaskImagesOption = None,
    embedder: MarkerOption = None,
    message: MarkedOption = None,
    calibration: Annotated[
        list[Path] | None,
        typer.Option(
            "--calibration",
            metavar="DIR|PICTURE",
            help="Pictures for methods that learn from some, which are then tried as well.",
        ),
    ] = None,
    recipe_name: Annotated[
        str,
        typer.Option("--recipe", metavar="NAME|FILE.json", help="What to start from."),
    ] = "dynamic-int8",
    seed: TaskSeedOption = 0,
    plot: Annotated[
        Path | None, typer.Option(metavar="OUT.png|OUT.svg", help="Draw size against drop.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option(metavar="OUT.json", help="Write all that was measured.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Search layer by layer for the best file within a budget.

    With --max-drop that is the smallest file within it, else the one that loses least. Writes
    OUT.tflite and OUT.recipe.json, from which `edgeseal quantize` makes the same file again. Exits
    with 1 if the budget cannot be met, and says by how much. After an interruption the same command
    goes on from OUT.tflite.part.
    """
    from edgeseal._files import check_output
    from edgeseal.calibrate import inputs_from
    from edgeseal.graph import read_model
    from edgeseal.quantize import find_recipe
    from edgeseal.tune import (
        Budget,
        Trials,
        check_plot,
        check_source,
        find_layers,
        found_record,
        plot_found,
        state_path,
        usable_recipe,
    )

    size_bytes = None if max_size_mb is None else round(max_size_mb * 1e6)
    budget = Budget(size_bytes, max_drop, max_ms_ratio)
    if budget == Budget():
        raise UsageError("no budget: give --max-size-mb, --max-drop or --max-ms-ratio")
    check_task(embedder, images, message)
    pictures = chosen_pictures(images)
    learned_from = list_pictures(calibration) if calibration else []
    recipe_file, kept = output.with_suffix(".recipe.json"), state_path(output)
    written = output, recipe_file, plot, report
    check_apart([source, embedder, recipe_name, *pictures, *learned_from], [*written, kept])
    for path in written:
        if path is not None:
            check_output(path, overwrite=overwrite)
    if plot is not None:
        check_plot(plot)
    base = find_recipe(recipe_name)
    learned = inputs_from(learned_from) if learned_from else None
    model = read_model(source)
    check_source(model, base, str(source))
    base = usable_recipe(model, base)
    with busy("screening the layers") as say:
        layers = find_layers(model, base, chosen_inputs(pictures), source=str(source))
        task = chosen_task(source, pictures, embedder, message, seed)
        if kept.exists():
            note(f"going on from {kept}")
        trials = Trials(
            source,
            task,
            calibration=learned,
            state=kept,
            on_trial=lambda what: say(f"trying {what}"),
        )
        found = _search(trials, layers, base, budget)
    record = found_record(found, budget, task.metric)
    if plot is not None:
        plot_found(found, budget, task.metric, plot, overwrite=overwrite)
    if report is not None:
        _write_report(record, report, overwrite=overwrite)
    if found.winner is not None:
        _write(trials, found.winner.recipe, output, recipe_file, overwrite=overwrite)
    kept.unlink(missing_ok=True)
    if as_json:
        print_json("tune", {"source": str(source), "path": str(output), **record})
    else:
        _show(found, task.metric, output, recipe_file)
    if found.winner is None:
        raise typer.Exit(1)


def _search(trials: Trials, layers: list[Layer], base: Recipe, budget: Budget) -> Found:
    from edgeseal.quantize import find_recipe, recipe_names
    from edgeseal.tune import measure_sensitivity, search

    costs = measure_sensitivity(trials, layers, base, quick=True)
    known = {name: find_recipe(name) for name in recipe_names()}
    fixed = {
        name: recipe
        for name, recipe in (known | {base.name: base}).items()
        if not recipe.is_float32
    }
    return search(trials, layers, costs, base, budget, fixed=fixed)


def _write(
    trials: Trials, recipe: Recipe, output: Path, recipe_file: Path, *, overwrite: bool
) -> None:
    """Write the recipe, and the file that it makes."""
    from edgeseal._files import replacing
    from edgeseal.graph import read_model, write_model
    from edgeseal.quantize import quantize, recipe_to_json

    source, model = trials.source, read_model(trials.source)
    try:
        quantize(model, recipe, calibration=trials.calibration(model, recipe))
    except (ModelError, UsageError) as error:
        raise type(error)(f"{source}: {error}") from error
    with replacing(recipe_file, overwrite=overwrite) as temporary:
        temporary.write_text(recipe_to_json(recipe))
    write_model(model, output, overwrite=overwrite)


def _write_report(record: dict[str, object], path: Path, *, overwrite: bool) -> None:
    import json

    from edgeseal._files import replacing

    with replacing(path, overwrite=overwrite) as temporary:
        temporary.write_text(json.dumps(record, indent=2, allow_nan=False) + "\n")


def _show(found: Found, metric: str, output: Path, recipe_file: Path) -> None:
    columns = ("candidate", "MB", "drop (points)", "x float time", "front", "")
    table = new_table(*columns, right=columns[1:4])
    front = {one.name for one in found.front}
    for one in (*found.fixed, *found.mixes):
        table.add_row(
            one.name,
            f"{one.trial.size_bytes / 1e6:.2f}",
            f"{one.drop_points:.3f}",
            f"{one.time_ratio:.2f}",
            "*" if one.name in front else "",
            "winner" if one is found.winner else "",
        )
    print_table(table)
    print_text(f"metric: {metric}; float32: {100 * found.float_trial.score:.2f} points")
    if found.winner is not None:
        print_text(f"{output}: {found.winner.name}; made again with --recipe {recipe_file}")
    for line in found.shortfalls:
        note(f"the budget cannot be met: {line}")
