"""``edgeseal demo``."""

from __future__ import annotations

from pathlib import Path

from edgeseal.cli._shared._console import new_table, print_result, print_table, print_text
from edgeseal.cli._shared._options import JsonOption, OutputFolderOption, OverwriteOption
from edgeseal.cli._shared._progress import ConsoleProgress

__all__ = ["demo"]


def demo(
    output: OutputFolderOption = Path("edgeseal-demo"),
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
) -> None:
    """Do the whole job on bundled weights and photographs.

    Exits with 1 if one of its gates fails.
    """
    import edgeseal

    result = edgeseal.demo(output, overwrite=overwrite, progress=ConsoleProgress())

    def show() -> None:
        head, *body = result.cells()
        table = new_table(*head, right=head[1:])
        for cells in body:
            table.add_row(*cells)
        print_table(table)
        print_text(f"PSNR of the marked photographs: {result.psnr_range} dB")

    notes = (f"gate failed: {failure}" for failure in result.failures())
    print_result("demo", result, as_json=as_json, show=show, notes=notes)
