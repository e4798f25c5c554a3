"""What measuring layers needs, from a float file on."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeAlias

from edgeseal._progress import Progress
from edgeseal.tflite.calibration import CalibrationInputs, bundled_inputs, list_inputs, named_inputs
from edgeseal.tflite.graph import Model
from edgeseal.tflite.inputs import InputForm
from edgeseal.tflite.probe import check_comes_back
from edgeseal.tflite.quantization import Recipe
from edgeseal.tflite.tuning import Layer, Task, Trials, find_layers, plain_task
from edgeseal.tflite.verbs._shaped import shaped

__all__ = ["MAX_PICTURES", "TaskOf", "opened_trials", "task_pictures"]

MAX_PICTURES = 24

_ADVICE = "give files of arrays (.npy, .npz) as `images`"

TaskOf: TypeAlias = Callable[[Model], Task]
"""Makes the task that a float model is measured on, once everything else was found to be right."""


def task_pictures(images: str | Path | Iterable[str | Path] | None) -> list[Path]:
    """Return the pictures to measure on; none for the bundled ones.

    Raises:
        FileError: there are none in what was named.
    """
    if images is None:
        return []
    return list_inputs([images] if isinstance(images, str | Path) else list(images))[:MAX_PICTURES]


@contextlib.contextmanager
def opened_trials(
    source: Path,
    model: Model,
    base: Recipe,
    pictures: list[Path],
    task: TaskOf | None,
    state: Path,
    progress: Progress,
    *,
    form: InputForm,
    learned: CalibrationInputs | None = None,
) -> Iterator[tuple[list[Layer], Trials]]:
    """Yield the layers of a float model, screened, and what measures recipes on it.

    Args:
        source: the file.
        model: what it holds.
        base: recipe to start from.
        pictures: to measure on; empty for the bundled ones.
        task: to measure; None to compare results with the float model's.
        state: where trials are kept.
        progress: hears what goes on.
        form: what is said of the model's inputs.
        learned: pictures that recipes learn from; None for the bundled ones.

    Raises:
        ModelError: the model cannot be run, or LiteRT does not come back from it.
        FileError, ImageError: a picture or the state cannot be read.
        UsageError: the state belongs to another model, task or calibration.
    """
    check_comes_back(source)
    with (
        progress.busy("screening the layers") as say,
        shaped(source, model, form, progress) as file,
    ):
        inputs = named_inputs(pictures, model) if pictures else bundled_inputs(advice=_ADVICE)
        layers = find_layers(model, base, inputs, source=str(source))
        say("reading pictures")
        chosen = plain_task(model, inputs) if task is None else task(model)
        if state.exists():
            progress.note(f"going on from {state}")
        yield (
            layers,
            Trials(
                file,
                chosen,
                calibration=learned,
                state=state,
                on_trial=lambda what: say(f"trying {what}"),
            ),
        )
