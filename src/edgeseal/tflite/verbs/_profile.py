"""Shows where the time of a file goes."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path
from typing import TYPE_CHECKING

from edgeseal._progress import SILENT, Progress
from edgeseal.tflite.graph import read_model
from edgeseal.tflite.inputs import InputForm, InputOptions
from edgeseal.tflite.probe import Prober, check_meaning
from edgeseal.tflite.profiling import Profile
from edgeseal.tflite.profiling import profile as profile_model
from edgeseal.tflite.verbs._shaped import shaped

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["Profile", "profile"]


def profile(
    path: str | Path,
    *,
    threads: int = 1,
    rounds: int = 20,
    seed: int = 0,
    timeout_s: float = 60.0,
    progress: Progress = SILENT,
    **inputs: Unpack[InputOptions],
) -> Profile:
    """Show where the time of a ``.tflite`` file goes, and on which kernels.

    Every operator is timed alone, on values that would really reach it, and the whole file now and
    then in between.

    Args:
        path: any ``.tflite`` file.
        threads: that LiteRT may use.
        rounds: timed runs of each operator.
        seed: for the inputs, which are drawn.
        timeout_s: longest time for one trial.
        progress: hears what goes on.
        inputs: how pixels are fed, and sizes that the file leaves open; see :class:`InputOptions`.

    Raises:
        UsageError: there is no such input.
        FileError, ModelError: the file cannot be read, or is no model.
        ProbeError: the process that loads LiteRT cannot start.
    """
    path, form = Path(path), InputForm.of(**inputs)
    model = read_model(path)
    check_meaning(model, path)
    text, total = f"timing {path.name}", len(model.main.operators)
    done = itertools.count(1)
    with (
        progress.busy(text) as say,
        shaped(path, model, form, progress) as file,
        Prober(timeout_s=timeout_s, threads=threads) as prober,
    ):
        found = profile_model(
            file,
            model,
            prober,
            rounds=rounds,
            seed=seed,
            advance=lambda: say(f"{text}: operator {next(done)} of {total}"),
        )
    return dataclasses.replace(found, path=path)
