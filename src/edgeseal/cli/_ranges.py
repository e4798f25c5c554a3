"""``edgeseal ranges``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgeseal.cli._shared._console import new_table, print_json, print_table, print_text
from edgeseal.cli._shared._options import JsonOption

__all__ = ["ranges"]


def ranges(
    path: Annotated[
        Path, typer.Argument(metavar="RANGES.json", help="What `quantize --save-ranges` wrote.")
    ],
    method_name: Annotated[
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
    from edgeseal.tflite.calibration import choose_range, clipped_share, find_method, read_ranges

    method = find_method(method_name)
    saved = read_ranges(path)
    rows = []
    for number, graph in enumerate(saved.graphs.values()):
        for name, seen in graph.tensors.items():
            low, high = choose_range(seen, method)
            row = {"graph": number, "tensor": name, "pictures": seen.pictures}
            row |= {"lowest": seen.low, "highest": seen.high, "low": low, "high": high}
            rows.append(row | {"clipped": clipped_share(seen.histogram, (low, high))})
    if as_json:
        about = {"path": str(path), "model": saved.source, "method": method.value}
        counts = {"inputs": saved.inputs.count, "is_bundled": saved.inputs.is_bundled}
        print_json("ranges", {**about, **counts, "tensors": rows})
        return
    source = "the bundled photographs" if saved.inputs.is_bundled else "pictures"
    print_text(f"{path}: {saved.inputs.count} inputs from {saved.inputs.pictures} of {source}")
    columns = "graph", "tensor", "lowest", "highest", method.value, "clipped"
    table = new_table(*columns, right=columns[2:], names=("tensor",))
    for row in rows:
        bounds = f"{row['low']:.4g} .. {row['high']:.4g}"
        ends = f"{row['lowest']:.4g}", f"{row['highest']:.4g}"
        table.add_row(row["graph"], row["tensor"], *ends, bounds, f"{row['clipped']:.2%}")
    print_table(table)
