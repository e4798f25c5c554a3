"""``edgeseal web``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgeseal.cli._shared._console import print_result
from edgeseal.cli._shared._options import JsonOption
from edgeseal.cli._shared._progress import ConsoleProgress

__all__ = ["web"]


def web(
    export: Annotated[
        Path | None,
        typer.Option("--export", metavar="DIR", help="Write the site to a new folder instead."),
    ] = None,
    models: Annotated[
        list[Path] | None,
        typer.Option(
            "--models",
            metavar="DIR",
            help="A folder that edgeseal pack wrote; may be repeated [default: the bundled pair].",
        ),
    ] = None,
    port: Annotated[
        int, typer.Option("--port", metavar="N", help="Where to serve; 0 for any free port.")
    ] = 8017,
    as_json: JsonOption = False,
) -> None:
    """Read and write marks in a browser, on the visitor's own device.

    Serves a page to this device alone, until it is interrupted; with --export, writes it as a
    folder for any file server. The page tries every model with known answers before it believes
    it, works offline after the first visit, and sends no picture anywhere.
    """
    import edgeseal

    result = edgeseal.web(export=export, models=models or (), port=port, progress=ConsoleProgress())
    print_result("web", result, as_json=as_json)
