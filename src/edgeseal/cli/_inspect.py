"""``edgeseal inspect``."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgeseal.cli._shared._console import (
    mib,
    new_table,
    note,
    print_json,
    print_table,
    print_text,
)
from edgeseal.cli._shared._options import JsonOption
from edgeseal.cli._shared._page import GraphPage, PageLayers, require_page, write_graph
from edgeseal.errors import ModelError, UsageError

if TYPE_CHECKING:
    from edgeseal.tflite.graph import Model, ModelSummary, TensorSummary
    from edgeseal.watermark.runtime import ModelInfo

__all__ = ["inspect"]


def inspect(
    path: Annotated[Path, typer.Argument(metavar="MODEL", help="Any .tflite file.")],
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
    reference: Annotated[
        Path | None,
        typer.Option(
            "--float", metavar="FLOAT.tflite", help="Show the errors against this on the page."
        ),
    ] = None,
    with_time: Annotated[
        bool, typer.Option("--time", help="Show the time of the operators on the page.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the page.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show what is in a .tflite file, from any converter."""
    from edgeseal.tflite.graph import read_model, summarize

    if html is None and (with_time or reference is not None):
        raise UsageError("--float and --time show on the page; name it with --html")
    if html is not None:
        require_page(path, html, reference=reference, overwrite=overwrite)
    model = read_model(path)
    summary = summarize(model)
    info = _description(model, path)
    size_bytes = path.stat().st_size
    page = None
    if html is not None:
        layers = PageLayers(with_check, with_time, reference)
        page = write_graph(model, path, html, layers, overwrite=overwrite)
    if as_json:
        _show_json(path, size_bytes, info, summary, page, with_operators=list_operators)
        return
    print_text(f"{path}  {mib(size_bytes)}")
    _show_description(info, summary)
    _show_counts(summary)
    if list_operators:
        _show_operators(summary)
    if page is not None:
        print_text(f"{page.path}  {mib(page.size_bytes)}, the graph; open it in a browser")


def _description(model: Model, path: Path) -> ModelInfo | None:
    """Return what the file says about itself; a damaged description is noted."""
    from edgeseal.watermark.runtime import has_info, read_info

    if not has_info(model):
        return None
    try:
        return read_info(model, source=str(path))
    except ModelError as failure:
        note(f"warning: {failure}")
        return None


def _show_json(
    path: Path,
    size_bytes: int,
    info: ModelInfo | None,
    summary: ModelSummary,
    page: GraphPage | None,
    *,
    with_operators: bool,
) -> None:
    counts = dataclasses.asdict(summary)
    if not with_operators:
        del counts["operators"]
    described = None if info is None else json.loads(info.to_json())
    written = {} if page is None else {"html": dataclasses.asdict(page)}
    print_json(
        "inspect",
        {
            "path": str(path),
            "size_bytes": size_bytes,
            "description": described,
            "model": counts,
            **written,
        },
    )


def _show_description(info: ModelInfo | None, summary: ModelSummary) -> None:
    if info is None:
        print_text("not described by edgeseal")
    else:
        side = info.image_size
        print_text(
            f"{info.card}, {info.part}, recipe {info.recipe}, {info.bits} bits, {side} x {side}"
        )
        weights = f"checkpoint {info.checkpoint}, SHA-256 {info.checkpoint_sha256}"
        if info.random_seed is not None:
            weights = f"random weights, seed {info.random_seed}"
        print_text(weights)
        print_text("made with " + ", ".join(f"{k} {v}" for k, v in sorted(info.tools.items())))
    for signature in summary.signatures:
        name = "no signature" if signature.key is None else f"signature {signature.key}"
        sides = (", ".join(map(str, side)) for side in (signature.inputs, signature.outputs))
        print_text(f"{name}: {' -> '.join(sides)}")


def _show_counts(summary: ModelSummary) -> None:
    kinds = new_table("operator", "count", "version", right=("count", "version"))
    for kind in summary.kinds:
        name = f"{kind.kind} (custom)" if kind.is_custom else kind.kind
        kinds.add_row(name, str(kind.count), str(kind.version))
    print_table(kinds)
    types = new_table(
        "type", "tensors", "constants", "size", right=("tensors", "constants", "size")
    )
    for kind_of in summary.types:
        size = mib(kind_of.constant_bytes)
        types.add_row(kind_of.dtype, str(kind_of.tensors), str(kind_of.constants), size)
    print_table(types)
    subgraphs = f", {summary.subgraphs} subgraphs" if summary.subgraphs > 1 else ""
    print_text(
        f"{len(summary.operators)} operators{subgraphs}, highest rank {summary.highest_rank}, "
        f"{summary.broadcast_to} BROADCAST_TO"
    )
    runtime = summary.min_runtime_version
    needs = f", needs runtime {runtime} or later" if runtime else ""
    print_text(f"schema version {summary.version}{needs}")


def _show_operators(summary: ModelSummary) -> None:
    table = new_table(
        "#", "operator", "inputs", "outputs", right=("#",), texts=("inputs", "outputs")
    )
    for operator in summary.operators:
        place = str(operator.index)
        if summary.subgraphs > 1:
            place = f"{operator.subgraph}:{operator.index}"
        sides = (", ".join(map(_operand, s)) for s in (operator.inputs, operator.outputs))
        table.add_row(place, operator.kind, *sides)
    print_table(table)


def _operand(tensor: TensorSummary | None) -> str:
    if tensor is None:
        return "-"
    return f"{'const ' if tensor.is_constant else ''}{tensor.kind}"
