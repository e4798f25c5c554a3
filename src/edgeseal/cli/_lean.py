"""``edgeseal lean``."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgeseal._files import check_apart
from edgeseal.cli._shared._console import (
    busy,
    mib,
    new_table,
    note,
    print_json,
    print_table,
    print_text,
)
from edgeseal.cli._shared._options import JsonOption, OverwriteOption, TimeoutOption

if TYPE_CHECKING:
    from edgeseal.tflite.rewrites import ModelChange, Sameness

__all__ = ["lean"]

_FLOAT_TOLERANCE = 1e-4  # on the scale of the largest output


def lean(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL", help="A .tflite file from any converter, best before it is quantized."
        ),
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="OUT.tflite", help="File to write.")
    ],
    seed: Annotated[
        int, typer.Option("--seed", metavar="N", min=0, help="For the inputs to compare on.")
    ] = 0,
    timeout_s: TimeoutOption = 60.0,
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
) -> None:
    """Write a model in cheaper operators: same function, less time.

    Both files run on the same inputs before it is written. Exits with 1 and writes nothing if
    their outputs differ by more than rounding.
    """
    import tempfile

    from edgeseal._files import check_output
    from edgeseal.tflite.graph import read_model, write_model
    from edgeseal.tflite.probe import Prober
    from edgeseal.tflite.rewrites import compare_outputs
    from edgeseal.tflite.rewrites import lean as make_lean

    check_apart([source], [output])
    check_output(output, overwrite=overwrite)
    before, model = read_model(source), read_model(source)
    changes = make_lean(model)
    with (
        tempfile.TemporaryDirectory() as folder,
        busy(f"comparing {source.name} before and after"),
        Prober(timeout_s=timeout_s) as prober,
    ):
        trial = Path(folder) / "lean.tflite"
        write_model(model, trial)
        same = compare_outputs((source, before), (trial, model), prober, seed=seed)
    is_good = same.difference is None or same.difference <= _FLOAT_TOLERANCE
    if is_good:
        write_model(model, output, overwrite=overwrite)
    if as_json:
        print_json("lean", _record(source, output if is_good else None, changes, same))
    elif is_good:
        _show(source, output, changes, same)
    if not is_good:
        note(f"{output}: not written: {_words(same)}")
        raise typer.Exit(1)


def _record(
    source: Path, output: Path | None, changes: list[ModelChange], same: Sameness
) -> dict[str, object]:
    difference = same.difference
    return {
        "source": str(source),
        "path": None if output is None else str(output),
        "size_bytes_before": source.stat().st_size,
        "size_bytes": None if output is None else output.stat().st_size,
        "changes": [change.to_json() for change in changes],
        "difference": None if difference is None or math.isinf(difference) else difference,
        "time_ratio": same.time_ratio,
    }


def _show(source: Path, output: Path, changes: list[ModelChange], same: Sameness) -> None:
    print_text(f"{output}: {mib(source.stat().st_size)} -> {mib(output.stat().st_size)}")
    if not changes:
        print_text("nothing to rewrite: the file is lean already")
        return
    table = new_table("rewrite", "what was done", texts=("what was done",))
    for change in changes:
        table.add_row(change.rewrite, change.text)
    print_table(table)
    print_text(_words(same))


def _words(same: Sameness) -> str:
    if same.difference is None:
        return "outputs not compared: the file does not run as it is; see `edgeseal check`"
    if math.isinf(same.difference):
        return "the rewritten file does not run, or gives values that are not finite"
    time = "" if same.time_ratio is None else f"; {same.time_ratio:.2f} of the time"
    return f"outputs differ by {same.difference:.1e} of the largest{time}"
