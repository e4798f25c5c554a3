"""Finds out what each layer costs when it alone is quantized."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgeseal._files import check_apart, check_output
from edgeseal._progress import SILENT, Progress
from edgeseal.tflite.graph import read_model
from edgeseal.tflite.inputs import InputForm, InputOptions
from edgeseal.tflite.probe import check_meaning
from edgeseal.tflite.quantization import find_recipe
from edgeseal.tflite.tuning import (
    LayerCost,
    check_plot,
    check_source,
    measure_sensitivity,
    plot_sensitivity,
    sensitivity_record,
)
from edgeseal.tflite.verbs._recipe_trials import TaskOf, opened_trials, task_pictures

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["SensitivityResult", "sensitivity"]

_LEAST_SHARE = 0.003  # of all weights; smaller layers are estimated


@dataclass(frozen=True, slots=True)
class SensitivityResult:
    """What the layers of a model cost.

    Attributes:
        source: the float file.
        metric: what the task's score is called.
        costs: for each layer and precision.
    """

    source: Path
    metric: str
    costs: tuple[LayerCost, ...]

    @property
    def is_good(self) -> bool:
        """Always: there is no gate."""
        return True

    def to_json(self) -> dict[str, object]:
        """Return all of it for JSON."""
        return {"source": str(self.source), **sensitivity_record(self.costs, self.metric)}

    def __str__(self) -> str:
        layers = len({cost.layer for cost in self.costs})
        return f"{self.source}: {len(self.costs)} costs of {layers} layers, by {self.metric}"


def sensitivity(
    source: str | Path,
    *,
    images: str | Path | Iterable[str | Path] | None = None,
    task: TaskOf | None = None,
    recipe: str = "dynamic-int8",
    full: bool = False,
    plot: str | Path | None = None,
    state: str | Path | None = None,
    overwrite: bool = False,
    progress: Progress = SILENT,
    **inputs: Unpack[InputOptions],
) -> SensitivityResult:
    """Find out what each layer costs when it alone is quantized.

    Every layer is screened in one pass; the larger ones are then tried in the whole model. After an
    interruption the same call goes on where it was.

    Args:
        source: a float32 model, from any converter.
        images: pictures, or files of arrays (``.npy``, ``.npz``), to measure on, 24 at most;
            default: bundled ones.
        task: makes what is measured; default: how close results are to the float model's.
        recipe: whose methods to use.
        full: measure every precision of every layer.
        plot: draw the costs here, ``.png`` or ``.svg``.
        state: keep what was measured here, to go on from; default: beside the source, while it
            works.
        overwrite: whether to replace the plot.
        progress: hears what goes on.
        inputs: how pixels are fed, and sizes that the file leaves open; see :class:`InputOptions`.

    Raises:
        UsageError: arguments that do not fit each other or the model.
        FileError, ImageError, ModelError: a file cannot be read or written.
        MissingExtraError: what draws plots is not installed.
    """
    source = Path(source)
    form, pictures = InputForm.of(**inputs), task_pictures(images)
    base, model = find_recipe(recipe), read_model(source)
    check_meaning(model, source)
    check_source(model, base, str(source))
    kept = Path(state) if state else source.with_name(source.name + ".sensitivity.part")
    drawn = None if plot is None else Path(plot)
    check_apart([source, recipe, *pictures], [drawn, kept])
    if drawn is not None:
        check_plot(drawn)
        check_output(drawn, overwrite=overwrite)
    opened = opened_trials(source, model, base, pictures, task, kept, progress, form=form)
    with opened as (layers, trials):
        least = 0.0 if full else _LEAST_SHARE
        costs = measure_sensitivity(trials, layers, base, every=full, least_share=least)
    if drawn is not None:
        plot_sensitivity(costs, drawn, overwrite=overwrite)
    if state is None:
        kept.unlink(missing_ok=True)
    return SensitivityResult(source, trials.task.metric, tuple(costs))
