"""``edgeseal evaluate``."""

from __future__ import annotations

import shlex
import sys
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
from edgeseal.cli._shared._options import (
    JsonOption,
    OnDeviceOption,
    OutputFolderOption,
    OverwriteOption,
    SeedOption,
    WorkersOption,
)
from edgeseal.cli._shared._pictures import exit_after_pictures
from edgeseal.cli._shared._progress import ConsoleProgress

if TYPE_CHECKING:
    from edgeseal.watermark.evaluate import EvaluationReport

__all__ = ["evaluate"]


def evaluate(
    images: Annotated[
        list[Path],
        typer.Option("--images", metavar="IMAGE|DIR", help="Pictures to mark; may be repeated."),
    ],
    output: OutputFolderOption,
    models: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="MODEL|DIR",
            help="Detectors and an embedder, or folders of them; without any the bundled pair.",
        ),
    ] = None,
    embedder: Annotated[
        Path | None,
        typer.Option(metavar="EMBEDDER", help="What marks the pictures; else the folder's."),
    ] = None,
    attacks: Annotated[
        str,
        typer.Option(metavar="quick|full|video|FILE.json", help="What happens to marked pictures."),
    ] = "quick",
    unmarked: Annotated[
        list[Path] | None,
        typer.Option("--unmarked", metavar="IMAGE|DIR", help="More pictures without a mark."),
    ] = None,
    rates: Annotated[
        list[float] | None,
        typer.Option(
            "--fpr", metavar="RATE", help="False-positive rate; may be repeated. [0.01, 1e-6]"
        ),
    ] = None,
    message: Annotated[
        str | None,
        typer.Option(metavar="HEX", help="One message for all; else drawn for each picture."),
    ] = None,
    seed: SeedOption = 0,
    max_side: Annotated[
        int, typer.Option(metavar="PIXELS", help="Shrink larger pictures first; 0 for none.")
    ] = 1024,
    frames: Annotated[
        int, typer.Option(metavar="N", help="Of each video, from its beginning.")
    ] = 24,
    card: Annotated[
        str | None,
        typer.Option(
            metavar="CARD", help="Model card of files that do not say it: .pth, .onnx, .xml."
        ),
    ] = None,
    device: OnDeviceOption = None,
    workers: WorkersOption = None,
    baseline: Annotated[
        Path | None,
        typer.Option(metavar="REPORT.json", help="Exit with 1 if worse than this report."),
    ] = None,
    max_drop: Annotated[
        float, typer.Option(metavar="POINTS", help="Points of bit accuracy that may be lost.")
    ] = 0.1,
    timed: Annotated[bool, typer.Option("--time/--no-time", help="Time the models.")] = True,
    layered: Annotated[
        bool, typer.Option("--layers/--no-layers", help="Find the error of each module.")
    ] = True,
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
) -> None:
    """Measure how well detectors read messages under attack, and write a report.

    Writes report.html and report.json. What was interrupted goes on where it stopped, with the same
    result. With --on, detectors run on a device, and nothing is timed. Exits with 1 if some
    pictures could not be read, or for --baseline if a model is worse.
    """
    import edgeseal

    found = edgeseal.evaluate(
        images,
        output,
        models or (),
        embedder=embedder,
        attacks=attacks,
        unmarked=unmarked or (),
        rates=rates or (0.01, 1e-6),
        message=message,
        seed=seed,
        max_side=max_side,
        frames=frames,
        card=card,
        device=device,
        workers=workers,
        baseline=baseline,
        max_drop=max_drop,
        timed=timed,
        layered=layered,
        overwrite=overwrite,
        command=shlex.join(["edgeseal", *sys.argv[1:]]),
        progress=ConsoleProgress(),
    )
    report = found.report
    for line in report.notes:
        note(line)
    if as_json:
        print_json("evaluate", found.to_json())
    else:
        _print_models(report)
        for line in (*found.changes(), f"report: {found.page}"):
            print_text(line)
    if found.is_worse:
        raise typer.Exit(1)
    exit_after_pictures(len(report.failed), len(report.records))


def _print_models(report: EvaluationReport) -> None:
    rates = (f"found at {rate.threshold.rate:g}" for rate in report.results[0].rates)
    columns = ("size", "clean", "all attacks", "against reference", *rates)
    table = new_table("model", *columns, right=columns, names=("model",))
    differences = {one.model: one.points for one in report.differences if one.attack == "all"}
    for model, result in zip(report.models, report.results, strict=True):
        clean = next((one for one in result.attacks if one.attack == "identity"), None)
        points = differences.get(model.name)
        overall = result.overall.bit_accuracy
        table.add_row(
            model.name,
            mib(model.size_bytes),
            "" if clean is None else f"{100 * clean.bit_accuracy.value:.2f} %",
            f"{100 * overall.value:.2f} % [{100 * overall.low:.2f}, {100 * overall.high:.2f}]",
            ""
            if points is None
            else f"{points.value:+.2f} [{points.low:+.2f}, {points.high:+.2f}] points",
            *(f"{100 * found.share.value:.1f} %" for found in result.overall.detections),
        )
    print_table(table)
