"""``edgeseal pack``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgeseal.cli._shared._console import print_result
from edgeseal.cli._shared._options import DEVICES, ImagesOption, JsonOption
from edgeseal.cli._shared._progress import ConsoleProgress

__all__ = ["pack"]


def pack(
    models: Annotated[
        list[Path],
        typer.Argument(metavar="MODEL", help="Files that edgeseal wrote, of any card and part."),
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="DIR", help="New folder for all of it.")
    ],
    devices: Annotated[
        list[str] | None,
        typer.Option(
            "--for",
            metavar=DEVICES,
            help="Pack only what is right on this device, as `check --on` measures it, with what "
            "its own compiler makes of it. Repeat for more.",
        ),
    ] = None,
    images: ImagesOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a folder with all that an app needs to run models, and to try them on a device.

    Holds the files, one contract (layout, range, resize, thresholds, payload code), golden
    vectors, a program that reproduces them without edgeseal, and samples. Pictures of --images
    take the place of the bundled ones in the vectors.
    """
    import edgeseal

    result = edgeseal.pack(
        models,
        output,
        images=images or (),
        devices=devices or (),
        progress=ConsoleProgress(),
    )
    print_result("pack", result, as_json=as_json)
