"""``edgeseal lean``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgeseal.cli._shared._console import new_table, print_result, print_table, print_text
from edgeseal.cli._shared._input_options import takes_inputs
from edgeseal.cli._shared._options import (
    DEVICES,
    JsonOption,
    ModelArgument,
    OutputOption,
    OverwriteOption,
    SeedOption,
    TimeoutOption,
)
from edgeseal.cli._shared._progress import ConsoleProgress

if TYPE_CHECKING:
    from edgeseal.tflite import LeanResult

__all__ = ["lean"]


@takes_inputs
def lean(
    source: ModelArgument,
    output: OutputOption,
    device: Annotated[
        str | None,
        typer.Option(
            "--for",
            metavar=DEVICES,
            help="Take only what this device still takes and computes right, as `check --on` "
            "finds it.",
        ),
    ] = None,
    seed: SeedOption = 0,
    timeout_s: TimeoutOption = 60.0,
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
    **inputs: Any,
) -> None:
    """Write a model in cheaper operators: same function, less time.

    Best done before it is quantized. Both files run on the same inputs before it is written. Exits
    with 1 and writes nothing if their outputs differ by more than rounding; with --for, exits with
    1 as well if the device does not compute all of the file right.
    """
    from edgeseal import tflite

    found = tflite.lean(
        source,
        output,
        device=device,
        seed=seed,
        timeout_s=timeout_s,
        overwrite=overwrite,
        progress=ConsoleProgress(),
        **inputs,
    )
    notes = () if found.size_bytes is not None else (str(found),)
    print_result("lean", found, as_json=as_json, show=lambda: _show(found), notes=notes)


def _show(found: LeanResult) -> None:
    if found.size_bytes is None:
        return
    head, *rest = str(found).splitlines()
    print_text(head)
    if found.changes:
        columns = "rewrite", "what was done"
        table = new_table(*columns, texts=columns[1:])
        for change in found.changes:
            table.add_row(change.rewrite, change.text)
        print_table(table)
    print_text("\n".join(rest))
