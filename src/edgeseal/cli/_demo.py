"""``edgeseal demo``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgeseal._files import check_outputs
from edgeseal.cli._shared._console import new_table, note, print_json, print_table
from edgeseal.cli._shared._converter import load_converter, require_conversion
from edgeseal.cli._shared._options import JsonOption

__all__ = ["demo"]

_STOCK = ("litert_torch", "ai_edge_quantizer")  # the usual way, which the demo compares with


def demo(
    output: Annotated[
        Path, typer.Option("-o", "--output", help="Folder for the files.", metavar="DIR")
    ] = Path("edgeseal-demo"),
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Do the whole job on bundled weights and photographs.

    Exits with 1 if one of its gates fails.
    """
    check_outputs(output, (), overwrite=overwrite)
    require_conversion("edgeseal demo", *_STOCK)
    load_converter(*_STOCK)
    from edgeseal.watermark.demo import run_demo

    result = run_demo(output, overwrite=overwrite, report=note)
    if as_json:
        print_json("demo", result.to_json())
    else:
        head, *rows = result.cells()
        table = new_table(*head, right=head[1:])
        for row in rows:
            table.add_row(*row)
        print_table(table)
    if not result.passed:
        for failure in result.failures():
            note(f"gate failed: {failure}")
        raise typer.Exit(1)
