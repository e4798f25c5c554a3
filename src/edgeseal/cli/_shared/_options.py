"""Options that several verbs have, each said once and meaning one thing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

# What a verb works on.
ModelArgument: TypeAlias = Annotated[
    Path, typer.Argument(metavar="MODEL", help="Any .tflite file.")
]
FloatArgument: TypeAlias = Annotated[
    Path, typer.Argument(metavar="FLOAT.tflite", help="A float32 model, from any converter.")
]
FloatOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--float", metavar="FLOAT.tflite", help="The float model it came from, to compare with."
    ),
]
CardArgument: TypeAlias = Annotated[
    str, typer.Argument(metavar="CARD", help="Model card; `edgeseal models` lists them.")
]
CheckpointOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--checkpoint", metavar="PATH|URL", help="Weights; without it the card's own are fetched."
    ),
]
RandomWeightsOption: TypeAlias = Annotated[
    int | None,
    typer.Option("--random-weights", metavar="SEED", help="Random weights, for trying out."),
]

# What it writes.
JsonOption: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON.")]
OutputOption: TypeAlias = Annotated[
    Path, typer.Option("-o", "--output", metavar="OUT.tflite", help="File to write.")
]
OutputFolderOption: TypeAlias = Annotated[
    Path, typer.Option("-o", "--output", metavar="DIR", help="Folder for the files.")
]
OverwriteOption: TypeAlias = Annotated[
    bool, typer.Option("--overwrite", help="Replace files that exist.")
]
PlotOption: TypeAlias = Annotated[
    Path | None, typer.Option("--plot", metavar="FILE", help="Draw what was measured.")
]

# What a model is run on.
ImagesOption: TypeAlias = Annotated[
    list[Path] | None,
    typer.Option(
        "--images",
        metavar="IMAGE|ARRAYS|DIR",
        help="Pictures, or .npy and .npz files, to run on; may be repeated.",
    ),
]
DrawsOption: TypeAlias = Annotated[
    int | None,
    typer.Option("--draws", metavar="N", min=1, help="Run on so many drawn inputs instead."),
]
SeedOption: TypeAlias = Annotated[
    int, typer.Option("--seed", metavar="N", min=0, help="For all that is drawn.")
]
MarkerOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--embedder", metavar="EMBEDDER.tflite", help="Mark the pictures; count the bits read."
    ),
]
MarkedOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--message", metavar="HEX", help="The pictures are marked with this; count the bits read."
    ),
]

# How it is run.
ThreadsOption: TypeAlias = Annotated[
    int, typer.Option("--threads", metavar="N", min=1, help="Threads that a model may use.")
]
WorkersOption: TypeAlias = Annotated[
    int | None,
    typer.Option("--workers", metavar="N", min=1, help="Pictures at the same time."),
]
RoundsOption: TypeAlias = Annotated[
    int, typer.Option("--rounds", metavar="N", min=1, help="Timed runs of each, in turn.")
]
TimeoutOption: TypeAlias = Annotated[
    float, typer.Option("--timeout", metavar="S", min=0.1, help="Longest time for one trial.")
]
MemoryLimitOption: TypeAlias = Annotated[
    float | None,
    typer.Option(
        "--memory-limit",
        metavar="MIB",
        min=1024,
        help="For the process that tries. [default: half of the machine's]",
    ),
]

# How it is quantized.
RecipeOption: TypeAlias = Annotated[
    str,
    typer.Option(
        "--recipe",
        metavar="NAME|FILE.json",
        help="How to quantize, such as dynamic-int8; `edgeseal recipes` lists them.",
    ),
]
CalibrationOption: TypeAlias = Annotated[
    list[Path] | None,
    typer.Option(
        "--calibration",
        metavar="IMAGE|ARRAYS|DIR",
        help="Pictures, or .npy and .npz files, to observe the model on; may be repeated. "
        "[default: the bundled photographs, where some are needed]",
    ),
]
RangesOption: TypeAlias = Annotated[
    Path | None,
    typer.Option("--ranges", metavar="FILE.json", help="Use ranges that were saved, no pictures."),
]
SaveRangesOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--save-ranges",
        metavar="FILE.json",
        help="Save what was observed; an interrupted run continues where it was.",
    ),
]
EndsOption: TypeAlias = Annotated[
    str,
    typer.Option(
        "--io",
        metavar="float32|int8|uint8",
        help="What the model takes and gives; integers where all of it is quantized.",
    ),
]
DEVICES = "cpu|gpu|qualcomm[:SOC]|arm[:CPU]|ethos-u85[:MACS]|browser[:BACKEND]"
"""Those that can be asked here; nothing runs models for an Ethos-U85, it is compiled for."""
OnDeviceOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--on",
        metavar="cpu|gpu|qualcomm[:SOC]|arm[:CPU]|browser[:BACKEND]",
        help="Let a device, or what stands for it here, compute it; see `check --on`.",
    ),
]

# What is listed.
TopOption: TypeAlias = Annotated[
    int, typer.Option("--top", metavar="N", min=1, help="Rows to list.")
]
AllOption: TypeAlias = Annotated[bool, typer.Option("--all", help="List every row.")]
