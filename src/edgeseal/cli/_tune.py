"""``edgeseal tune``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgeseal._files import check_apart
from edgeseal.cli._shared._console import new_table, note, print_json, print_table, print_text
from edgeseal.cli._shared._options import (
    FloatArgument,
    ImagesOption,
    JsonOption,
    MarkedOption,
    MarkerOption,
    SeedOption,
)
from edgeseal.cli._task import TaskChoice
from edgeseal.errors import ModelError, UsageError

if TYPE_CHECKING:
    from edgeseal.tflite.quantization import Recipe
    from edgeseal.tflite.tuning import Budget, Layer, Trials, TuneResult

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
    images: ImagesOption = None,
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
    seed: SeedOption = 0,
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
    from edgeseal.pictures import list_pictures
    from edgeseal.tflite.calibration import inputs_from
    from edgeseal.tflite.graph import read_model
    from edgeseal.tflite.quantization import find_recipe
    from edgeseal.tflite.tuning import Budget, check_source, usable_recipe

    size_bytes = None if max_size_mb is None else round(max_size_mb * 1e6)
    budget = Budget(size_bytes, max_drop, max_ms_ratio)
    if budget == Budget():
        raise UsageError("no budget: give --max-size-mb, --max-drop or --max-ms-ratio")
    choice = TaskChoice.of(images, embedder, message, seed)
    learned = list_pictures(calibration) if calibration else []
    files = _Files.of(output, plot, report, overwrite=overwrite)
    files.check([source, embedder, recipe_name, *choice.pictures, *learned])
    base, model = find_recipe(recipe_name), read_model(source)
    check_source(model, base, str(source))
    base = usable_recipe(model, base)
    inputs = inputs_from(learned) if learned else None
    with choice.trials(source, base, files.state, learned=inputs) as (layers, trials):
        found = _search(trials, layers, base, budget)
    record = files.write(found, trials, budget)
    if as_json:
        print_json("tune", {"source": str(source), "path": str(output), **record})
    else:
        _show(found, trials.task.metric, files)
    if found.winner is None:
        raise typer.Exit(1)


@dataclass(frozen=True, slots=True)
class _Files:
    """What is written.

    Attributes:
        model: the best file.
        recipe: makes it again.
        plot: draws all that was measured; None for none.
        report: lists it; None for none.
        state: what an interruption leaves.
        overwrite: whether files are replaced.
    """

    model: Path
    recipe: Path
    plot: Path | None
    report: Path | None
    state: Path
    overwrite: bool

    @classmethod
    def of(cls, model: Path, plot: Path | None, report: Path | None, *, overwrite: bool) -> _Files:
        from edgeseal.tflite.tuning import state_path

        recipe = model.with_suffix(".recipe.json")
        return cls(model, recipe, plot, report, state_path(model), overwrite)

    def check(self, inputs: Iterable[Path | str | None]) -> None:
        """Find out before any work whether they can be written."""
        from edgeseal._files import check_output
        from edgeseal.tflite.tuning import check_plot

        outputs = self.model, self.recipe, self.plot, self.report
        check_apart(inputs, [*outputs, self.state])
        for path in outputs:
            if path is not None:
                check_output(path, overwrite=self.overwrite)
        if self.plot is not None:
            check_plot(self.plot)

    def write(self, found: TuneResult, trials: Trials, budget: Budget) -> dict[str, object]:
        """Write them, and return the record of the search."""
        from edgeseal.tflite.tuning import found_record, plot_found

        metric = trials.task.metric
        record = found_record(found, budget, metric)
        if self.plot is not None:
            plot_found(found, budget, metric, self.plot, overwrite=self.overwrite)
        if self.report is not None:
            _write_report(record, self.report, overwrite=self.overwrite)
        if found.winner is not None:
            self._write_winner(trials, found.winner.recipe)
        self.state.unlink(missing_ok=True)
        return record

    def _write_winner(self, trials: Trials, recipe: Recipe) -> None:
        from edgeseal._files import replacing
        from edgeseal.tflite.graph import read_model, write_model
        from edgeseal.tflite.quantization import quantize, recipe_to_json

        source, model = trials.source, read_model(trials.source)
        try:
            quantize(model, recipe, calibration=trials.calibration(model, recipe))
        except (ModelError, UsageError) as error:
            raise type(error)(f"{source}: {error}") from error
        with replacing(self.recipe, overwrite=self.overwrite) as temporary:
            temporary.write_text(recipe_to_json(recipe))
        write_model(model, self.model, overwrite=self.overwrite)


def _search(trials: Trials, layers: list[Layer], base: Recipe, budget: Budget) -> TuneResult:
    from edgeseal.tflite.quantization import find_recipe, recipe_names
    from edgeseal.tflite.tuning import measure_sensitivity, search

    costs = measure_sensitivity(trials, layers, base, quick=True)
    known = {name: find_recipe(name) for name in recipe_names()}
    fixed = {
        name: recipe
        for name, recipe in (known | {base.name: base}).items()
        if not recipe.is_float32
    }
    return search(trials, layers, costs, base, budget, fixed=fixed)


def _write_report(record: dict[str, object], path: Path, *, overwrite: bool) -> None:
    import json

    from edgeseal._files import replacing

    with replacing(path, overwrite=overwrite) as temporary:
        temporary.write_text(json.dumps(record, indent=2, allow_nan=False) + "\n")


def _show(found: TuneResult, metric: str, files: _Files) -> None:
    columns = ("candidate", "MB", "drop (points)", "x float time", "front", "")
    table = new_table(*columns, right=columns[1:4], names=("candidate",))
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
        print_text(f"{files.model}: {found.winner.name}; made again with --recipe {files.recipe}")
    for line in found.shortfalls:
        note(f"the budget cannot be met: {line}")
