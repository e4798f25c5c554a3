"""``edgeseal ranges``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgeseal.cli._shared._console import new_table, print_result, print_table, print_text
from edgeseal.cli._shared._options import JsonOption

if TYPE_CHECKING:
    from edgeseal.tflite import RangesResult

__all__ = ["ranges"]


def ranges(
    path: Annotated[
        Path, typer.Argument(metavar="RANGES.json", help="What `quantize --save-ranges` wrote.")
    ],
    method: Annotated[
        str,
        typer.Option(
            "--method",
            metavar="NAME",
            help="How to choose: min-max, moving-average, percentile, mse, entropy.",
        ),
    ] = "min-max",
    as_json: JsonOption = False,
) -> None:
    """Show saved ranges: what each tensor's values were, and what a method makes of them."""
    from edgeseal import tflite

    found = tflite.ranges(path, method=method)
    print_result("ranges", found, as_json=as_json, show=lambda: _show(found))


def _show(found: RangesResult) -> None:
    print_text(str(found))
    columns = "graph", "tensor", "lowest", "highest", found.method, "clipped"
    table = new_table(*columns, right=columns[2:], names=("tensor",))
    for row in found.tensors:
        ends = f"{row.lowest:.4g}", f"{row.highest:.4g}"
        bounds = f"{row.low:.4g} .. {row.high:.4g}"
        table.add_row(row.graph, row.tensor, *ends, bounds, f"{row.clipped:.2%}")
    print_table(table)
