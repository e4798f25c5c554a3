"""Shows where the time of a file goes."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path

from edgeseal._progress import SILENT, Progress
from edgeseal.tflite.graph import read_model
from edgeseal.tflite.inputs import InputForm
from edgeseal.tflite.probe import Prober
from edgeseal.tflite.profiling import Profile
from edgeseal.tflite.profiling import profile as profile_model
from edgeseal.tflite.verbs._shaped import shaped

__all__ = ["Profile", "profile"]


def profile(
    path: str | Path,
    *,
    threads: int = 1,
    rounds: int = 20,
    seed: int = 0,
    input_shape: Mapping[str, Sequence[int]] | None = None,
    timeout_s: float = 60.0,
    progress: Progress = SILENT,
) -> Profile:
    """Show where the time of a ``.tflite`` file goes, and on which kernels.

    Every operator is timed alone, on values that would really reach it, and the whole file now and
    then in between.

    Args:
        path: any ``.tflite`` file.
        threads: that LiteRT may use.
        rounds: timed runs of each operator.
        seed: for the inputs, which are drawn.
        input_shape: sizes, by the input's name, that the file leaves open.
        timeout_s: longest time for one trial.
        progress: hears what goes on.

    Raises:
        UsageError: there is no such input.
        FileError, ModelError: the file cannot be read, or is no model.
        ProbeError: the process that loads LiteRT cannot start.
    """
    path, form = Path(path), InputForm.of(input_shape=input_shape)
    model = read_model(path)
    text, total = f"timing {path.name}", len(model.main.operators)
    done = itertools.count(1)
    with (
        progress.busy(text) as say,
        shaped(path, model, form) as file,
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
