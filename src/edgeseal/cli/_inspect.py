"""``edgeseal inspect``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgeseal.cli._shared._console import mib, new_table, print_result, print_table, print_text
from edgeseal.cli._shared._input_options import takes_inputs
from edgeseal.cli._shared._options import FloatOption, JsonOption, ModelArgument, OverwriteOption
from edgeseal.cli._shared._progress import ConsoleProgress

if TYPE_CHECKING:
    from edgeseal import InspectedModel
    from edgeseal.tflite.graph import ModelSummary, TensorSummary

__all__ = ["inspect"]


@takes_inputs
def inspect(
    path: ModelArgument,
    list_operators: Annotated[
        bool, typer.Option("--ops", help="List every operator with its shapes and types.")
    ] = False,
    html: Annotated[
        Path | None,
        typer.Option(
            "--html", metavar="FILE", help="Write a page that shows the graph, with its findings."
        ),
    ] = None,
    with_check: Annotated[
        bool,
        typer.Option("--check/--no-check", help="Try the operators for findings on the page."),
    ] = True,
    float_model: FloatOption = None,
    with_time: Annotated[
        bool, typer.Option("--time", help="Show the time of the operators on the page.")
    ] = False,
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
    **inputs: Any,
) -> None:
    """Show what is in a .tflite file, from any converter.

    With --float, the page shows the errors of every operator against that file.
    """
    import edgeseal

    found = edgeseal.inspect(
        path,
        list_operators=list_operators,
        html=html,
        with_check=with_check,
        float_model=float_model,
        with_time=with_time,
        overwrite=overwrite,
        progress=ConsoleProgress(),
        **inputs,
    )
    print_result("inspect", found, as_json=as_json, show=lambda: _show(found))


def _show(found: InspectedModel) -> None:
    head, *rest = str(found.inspection).splitlines()
    print_text(head)
    for line in found.describe():
        print_text(line)
    summary, page = found.inspection.summary, found.inspection.page
    for signature in summary.signatures:
        name = "no signature" if signature.key is None else f"signature {signature.key}"
        sides = (", ".join(map(str, side)) for side in (signature.inputs, signature.outputs))
        print_text(f"{name}: {' -> '.join(sides)}")
    _show_counts(summary)
    for line in rest:
        print_text(line)
    if found.inspection.list_operators:
        _show_operators(summary)
    if page is not None:
        print_text(f"{page.path}  {mib(page.size_bytes)}, the graph; open it in a browser")


def _show_counts(summary: ModelSummary) -> None:
    kinds = new_table("operator", "count", "version", right=("count", "version"))
    for kind in summary.kinds:
        name = f"{kind.kind} (custom)" if kind.is_custom else kind.kind
        kinds.add_row(name, kind.count, kind.version)
    print_table(kinds)
    numbers = "tensors", "constants", "size"
    types = new_table("type", *numbers, right=numbers)
    for kind_of in summary.types:
        size = mib(kind_of.constant_bytes)
        types.add_row(kind_of.dtype, kind_of.tensors, kind_of.constants, size)
    print_table(types)


def _show_operators(summary: ModelSummary) -> None:
    columns = "#", "operator", "inputs", "outputs"
    table = new_table(*columns, right=columns[:1], texts=columns[2:])
    for operator in summary.operators:
        place = f"{operator.subgraph}:" if summary.subgraphs > 1 else ""
        sides = (", ".join(map(_operand, s)) for s in (operator.inputs, operator.outputs))
        table.add_row(f"{place}{operator.index}", operator.kind, *sides)
    print_table(table)


def _operand(tensor: TensorSummary | None) -> str:
    if tensor is None:
        return "-"
    return f"{'const ' if tensor.is_constant else ''}{tensor.kind}"
