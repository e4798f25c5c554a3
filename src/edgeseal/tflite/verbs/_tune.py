"""Searches layer by layer for the best file within a budget."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgeseal._files import check_apart, check_output, replacing
from edgeseal._progress import SILENT, Progress
from edgeseal.errors import ModelError, UsageError
from edgeseal.tflite.calibration import list_inputs, named_inputs
from edgeseal.tflite.graph import read_model, write_model
from edgeseal.tflite.inputs import InputForm, InputOptions
from edgeseal.tflite.probe import check_meaning
from edgeseal.tflite.quantization import (
    Recipe,
    find_recipe,
    quantize,
    recipe_names,
    recipe_to_json,
)
from edgeseal.tflite.tuning import (
    Budget,
    Layer,
    Trials,
    TuneResult,
    check_plot,
    check_source,
    found_record,
    measure_sensitivity,
    plot_found,
    search,
    state_path,
    usable_recipe,
)
from edgeseal.tflite.verbs._limits import bytes_of
from edgeseal.tflite.verbs._recipe_trials import TaskOf, opened_trials, task_pictures

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["TunedFile", "tune"]


@dataclass(frozen=True, slots=True)
class TunedFile:
    """What a search came to, and the file that was written if the budget was met.

    Attributes:
        source: the float file.
        path: the best file.
        recipe_path: makes it again.
        metric: what the task's score is called.
        budget: what to stay within.
        found: what was measured.
    """

    source: Path
    path: Path
    recipe_path: Path
    metric: str
    budget: Budget
    found: TuneResult

    @property
    def is_good(self) -> bool:
        """Whether the budget was met."""
        return self.found.winner is not None

    def record(self) -> dict[str, object]:
        """Return what was measured, for JSON."""
        return found_record(self.found, self.budget, self.metric)

    def to_json(self) -> dict[str, object]:
        """Return all of it for JSON."""
        return {"source": str(self.source), "path": str(self.path), **self.record()}

    def __str__(self) -> str:
        found = self.found
        lines = [f"metric: {self.metric}; float32: {100 * found.float_trial.score:.2f} points"]
        if found.winner is not None:
            lines.append(f"{self.path}: {found.winner.name}; {self.recipe_path} makes it again")
        lines += [f"the budget cannot be met: {line}" for line in found.shortfalls]
        return "\n".join(lines)


def tune(
    source: str | Path,
    output: str | Path,
    *,
    max_size_mib: float | None = None,
    max_drop: float | None = None,
    max_time_ratio: float | None = None,
    images: str | Path | Iterable[str | Path] | None = None,
    task: TaskOf | None = None,
    calibration: Sequence[str | Path] = (),
    recipe: str = "dynamic-int8",
    plot: str | Path | None = None,
    report: str | Path | None = None,
    overwrite: bool = False,
    progress: Progress = SILENT,
    **inputs: Unpack[InputOptions],
) -> TunedFile:
    """Search layer by layer for the best file within a budget.

    With ``max_drop`` that is the smallest file within it, else the one that loses least. After an
    interruption the same call goes on where it was.

    Args:
        source: a float32 model, from any converter.
        output: file to write; the recipe that makes it again goes beside it.
        max_size_mib: largest file.
        max_drop: largest loss against the float model, in points of a hundred.
        max_time_ratio: longest time of a run, by the float model's.
        images: pictures, or files of arrays (``.npy``, ``.npz``), to measure on, 24 at most;
            default: bundled ones.
        task: makes what is measured; default: how close results are to the float model's.
        calibration: pictures for methods that learn from some, which are then tried as well.
        recipe: what to start from.
        plot: draw size against drop here, ``.png`` or ``.svg``.
        report: write all that was measured here, as JSON.
        overwrite: whether to replace the files.
        progress: hears what goes on.
        inputs: how pixels are fed, and sizes that the file leaves open; see :class:`InputOptions`.

    Raises:
        UsageError: no budget, or arguments that do not fit each other or the model.
        FileError, ImageError, ModelError: a file cannot be read or written.
        MissingExtraError: what draws plots is not installed.
    """
    source, size_bytes = Path(source), bytes_of(max_size_mib)
    budget = Budget(size_bytes, max_drop, max_time_ratio)
    if budget == Budget():
        raise UsageError("no budget: give `max_size_mib`, `max_drop` or `max_time_ratio`")
    form, pictures = InputForm.of(**inputs), task_pictures(images)
    learned = list_inputs(calibration) if calibration else []
    base, model = find_recipe(recipe), read_model(source)
    check_meaning(model, source)
    check_source(model, base, str(source))
    files = _Files.of(output, plot, report, overwrite=overwrite)
    files.check([source, recipe, *pictures, *learned])
    base = usable_recipe(form.apply(model), base)
    seen = named_inputs(learned, model) if learned else None
    opened = opened_trials(
        source, model, base, pictures, task, files.state, progress, form=form, learned=seen
    )
    with opened as (layers, trials):
        found = _search(trials, layers, base, budget)
        metric = trials.task.metric
        result = TunedFile(source, files.model, files.recipe, metric, budget, found)
        files.write(result, trials)
    return result


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
    def of(
        cls,
        model: str | Path,
        plot: str | Path | None,
        report: str | Path | None,
        *,
        overwrite: bool,
    ) -> _Files:
        model = Path(model)
        return cls(
            model,
            model.with_suffix(".recipe.json"),
            None if plot is None else Path(plot),
            None if report is None else Path(report),
            state_path(model),
            overwrite,
        )

    def check(self, inputs: Iterable[Path | str | None]) -> None:
        """Find out before any work whether they can be written."""
        outputs = self.model, self.recipe, self.plot, self.report
        check_apart(inputs, [*outputs, self.state])
        if self.plot is not None:
            check_plot(self.plot)
        for path in outputs:
            if path is not None:
                check_output(path, overwrite=self.overwrite)

    def write(self, result: TunedFile, trials: Trials) -> None:
        """Write them; the state goes."""
        found = result.found
        if self.plot is not None:
            plot_found(found, result.budget, result.metric, self.plot, overwrite=self.overwrite)
        if self.report is not None:
            text = json.dumps(result.record(), indent=2, allow_nan=False) + "\n"
            with replacing(self.report, overwrite=self.overwrite) as temporary:
                temporary.write_text(text)
        if found.winner is not None:
            self._write_winner(result.source, trials, found.winner.recipe)
        self.state.unlink(missing_ok=True)

    def _write_winner(self, source: Path, trials: Trials, recipe: Recipe) -> None:
        model = read_model(trials.source)
        try:
            quantize(model, recipe, calibration=trials.calibration(model, recipe))
        except (ModelError, UsageError) as error:
            raise type(error)(f"{source}: {error}") from error
        with replacing(self.recipe, overwrite=self.overwrite) as temporary:
            temporary.write_text(recipe_to_json(recipe))
        write_model(model, self.model, overwrite=self.overwrite)


def _search(trials: Trials, layers: list[Layer], base: Recipe, budget: Budget) -> TuneResult:
    costs = measure_sensitivity(trials, layers, base, quick=True)
    known = {name: find_recipe(name) for name in recipe_names()}
    fixed = {
        name: recipe
        for name, recipe in (known | {base.name: base}).items()
        if not recipe.is_float32
    }
    return search(trials, layers, costs, base, budget, fixed=fixed)
