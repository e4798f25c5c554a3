"""``edgeseal reduce``."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from edgeseal.cli._shared._console import note, print_result
from edgeseal.cli._shared._input_options import takes_inputs
from edgeseal.cli._shared._options import (
    FloatOption,
    ImagesOption,
    JsonOption,
    ModelArgument,
    OutputOption,
    OverwriteOption,
    TimeoutOption,
)
from edgeseal.cli._shared._progress import ConsoleProgress
from edgeseal.errors import NothingToReduceError

__all__ = ["reduce"]


@takes_inputs
def reduce(
    source: ModelArgument,
    output: OutputOption,
    finding: Annotated[
        str | None,
        typer.Option("--finding", metavar="CODE", help="Finding to show, such as ES010."),
    ] = None,
    node: Annotated[
        str | None,
        typer.Option("--node", metavar="[S:]N", help="Node to show it, of subgraph S (default 0)."),
    ] = None,
    images: ImagesOption = None,
    float_model: FloatOption = None,
    against_fallback: Annotated[
        bool,
        typer.Option(
            "--against-fallback",
            help="Show a difference between the accelerated delegate and the fallback kernels.",
        ),
    ] = False,
    tolerance: Annotated[
        float,
        typer.Option(
            "--tolerance",
            metavar="X",
            min=0.0,
            help="Difference that is fine, as a share of the output's largest value.",
        ),
    ] = 0.01,
    command: Annotated[
        str | None,
        typer.Option(
            "--command",
            metavar="COMMAND",
            help="Show a failure of this command; {} in it stands for the file.",
        ),
    ] = None,
    timeout_s: TimeoutOption = 60.0,
    max_trials: Annotated[
        int, typer.Option("--max-trials", metavar="N", min=1, help="Stop after so many.")
    ] = 1000,
    keep_weights: Annotated[
        bool, typer.Option("--keep-weights", help="Do not replace weights by zeros.")
    ] = False,
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
    **inputs: Any,
) -> None:
    """Cut out the smallest sub-model that still shows a fault, for a bug report.

    The fault is the worst finding of `check`, or what the options name; with --float, a difference
    from the same part of that file. Weights become zeros where they do not matter. Exits with 1 if
    the model does not show the fault.
    """
    from edgeseal import tflite

    try:
        found = tflite.reduce(
            source,
            output,
            finding=finding,
            node=node,
            images=images or None,
            float_model=float_model,
            against_fallback=against_fallback,
            tolerance=tolerance,
            command=command,
            timeout_s=timeout_s,
            max_trials=max_trials,
            keep_weights=keep_weights,
            overwrite=overwrite,
            progress=ConsoleProgress(),
            **inputs,
        )
    except NothingToReduceError as failure:
        note(str(failure))
        raise typer.Exit(1) from None
    trials = found.reduction.trials
    notes = [f"wrote {', '.join(map(str, found.paths))} after {trials} trials"]
    if found.reduction.is_cut_short:
        notes.insert(0, f"stopped after {trials} trials; a smaller one may exist (--max-trials)")
    print_result("reduce", found, as_json=as_json, notes=() if as_json else notes)
