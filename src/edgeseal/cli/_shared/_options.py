"""Options that several commands have, each said once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

__all__ = [
    "CardArgument",
    "CheckpointOption",
    "FloatArgument",
    "JsonOption",
    "MarkedOption",
    "MarkerOption",
    "MemoryLimitOption",
    "OverwriteFileOption",
    "RandomWeightsOption",
    "RunImagesOption",
    "RunSeedOption",
    "TaskImagesOption",
    "TaskSeedOption",
    "TimeoutOption",
]

JsonOption: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON.")]
OverwriteFileOption: TypeAlias = Annotated[
    bool, typer.Option("--overwrite", help="Replace the file.")
]

FloatArgument: TypeAlias = Annotated[
    Path, typer.Argument(metavar="FLOAT.tflite", help="A float32 model, from any converter.")
]
CardArgument: TypeAlias = Annotated[
    str, typer.Argument(metavar="CARD", help="Model card; `edgeseal models` lists them.")
]
CheckpointOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--checkpoint",
        metavar="PATH|URL",
        help="Weights; without it the card's own are fetched.",
    ),
]
RandomWeightsOption: TypeAlias = Annotated[
    int | None,
    typer.Option("--random-weights", metavar="SEED", help="Random weights, for trying out."),
]

# check, repair and others that run a model in a worker process
TimeoutOption: TypeAlias = Annotated[
    float, typer.Option("--timeout", metavar="S", min=0.1, help="Longest time for one trial.")
]
MemoryLimitOption: TypeAlias = Annotated[
    float | None,
    typer.Option(
        "--memory-limit",
        metavar="GIB",
        min=1,
        help="For the process that tries; default: half of the machine's.",
    ),
]
RunImagesOption: TypeAlias = Annotated[
    list[Path] | None,
    typer.Option(
        "--images", metavar="IMAGE|DIR", help="Pictures to run it on, instead of drawn values."
    ),
]
RunSeedOption: TypeAlias = Annotated[
    int, typer.Option("--seed", metavar="N", min=0, help="For inputs that are drawn.")
]

# sensitivity and tune, which measure on a task
TaskImagesOption: TypeAlias = Annotated[
    list[Path] | None,
    typer.Option("--images", metavar="IMAGE|DIR", help="Pictures; default: bundled ones."),
]
MarkerOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--embedder",
        metavar="EMBEDDER.tflite",
        help="Mark the pictures; count the bits read.",
    ),
]
MarkedOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--message", metavar="HEX", help="The pictures are marked with this; count the bits read."
    ),
]
TaskSeedOption: TypeAlias = Annotated[
    int, typer.Option("--seed", metavar="N", min=0, help="Of messages and attacks.")
]
