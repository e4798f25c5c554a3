"""``edgeseal scan``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgeseal.cli._shared._console import print_json, print_text
from edgeseal.cli._shared._options import JsonOption, WorkersOption
from edgeseal.cli._shared._pictures import RecursiveOption, exit_after_pictures
from edgeseal.cli._shared._progress import ConsoleProgress

__all__ = ["scan"]


def scan(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE",
            help="Pictures, videos, tar and Parquet files; folders, patterns, @LIST (a file of "
            "paths), - (stdin), and addresses such as s3://... and https://...",
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "-o",
            "--output",
            metavar="DIR|FILE.jsonl",
            help="Folder for Parquet files, or a file of JSON lines.",
        ),
    ],
    model: Annotated[
        Path | None,
        typer.Option("--model", metavar="DETECTOR", help="A detector's .tflite file."),
    ] = None,
    expect: Annotated[
        str | None,
        typer.Option(
            "--expect", metavar="HEX", help="The message that should be there, not payloads."
        ),
    ] = None,
    fpr: Annotated[
        float,
        typer.Option("--fpr", metavar="RATE", help="Share of unmarked items to call present."),
    ] = 1e-6,
    exact: Annotated[
        bool, typer.Option("--exact", help="Decode large JPEG files at full size; slower.")
    ] = False,
    every: Annotated[
        int, typer.Option("--every", metavar="N", help="Videos: read one of N frames.")
    ] = 1,
    recursive: RecursiveOption = True,
    column: Annotated[
        str | None,
        typer.Option("--column", metavar="NAME", help="Of Parquet files, with the pictures."),
    ] = None,
    workers: WorkersOption = None,
    ray: Annotated[
        str | None,
        typer.Option("--ray", metavar="ADDRESS|local", help="Read on a Ray cluster."),
    ] = None,
    timeout_s: Annotated[
        float, typer.Option("--timeout", metavar="S", help="Longest time for one item.")
    ] = 600.0,
    part_rows: Annotated[
        int, typer.Option("--part-rows", metavar="N", help="Rows of a Parquet file.")
    ] = 500,
    retry: Annotated[bool, typer.Option("--retry", help="Try items again that failed.")] = False,
    shard: Annotated[
        str | None,
        typer.Option("--shard", metavar="I/N", help="Read one of N parts of the items."),
    ] = None,
    merge: Annotated[
        bool, typer.Option("--merge", help="Put the folders of all N parts together.")
    ] = False,
    alpha: Annotated[
        float,
        typer.Option(
            "--alpha",
            metavar="RATE",
            help="Chance of any false alarm in the corpus, or share of false ones, to decide for.",
        ),
    ] = 0.01,
    registry: Annotated[
        str | None,
        typer.Option(
            "--registry", metavar="FILE|URL", help="Issued messages to find what is read in."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Read a corpus into a table of one row for each item.

    The same command again goes on after an interruption or a crash, and changes nothing once all is
    done. A file that cannot be read, or that kills what reads it, is a row with its error. Exits
    with 1 if some items could not be read, with 2 if none could.
    """
    import edgeseal

    found = edgeseal.scan(
        sources,
        output,
        model=model,
        expect=expect,
        fpr=fpr,
        exact=exact,
        every=every,
        recursive=recursive,
        column=column,
        workers=workers,
        ray=ray,
        timeout_s=timeout_s,
        part_rows=part_rows,
        retry=retry,
        shard=shard,
        merge=merge,
        alpha=alpha,
        registry=registry,
        progress=ConsoleProgress(),
    )
    if as_json:
        print_json("scan", found.to_json())
    else:
        print_text(str(found))
    exit_after_pictures(found.failed, found.items, what="items")
