"""``edgeseal detect``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgeseal.cli._console import new_table, picture_bar, print_json, print_table, printable
from edgeseal.cli._pictures import exit_after_pictures, list_pictures

if TYPE_CHECKING:
    from edgeseal.runtime import Detection, DetectionOutcome

__all__ = ["detect"]


def detect(
    images: Annotated[
        list[Path], typer.Argument(metavar="IMAGE|DIR", help="Pictures, or folders of them.")
    ],
    model: Annotated[
        Path, typer.Option("--model", metavar="DETECTOR", help="A detector's .tflite file.")
    ],
    expect: Annotated[
        str | None,
        typer.Option("--expect", metavar="HEX", help="The message that should be there."),
    ] = None,
    workers: Annotated[
        int, typer.Option("--workers", metavar="N", help="Pictures at the same time.")
    ] = 1,
    threads: Annotated[
        int, typer.Option("--threads", metavar="N", help="Threads per picture.")
    ] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Read the messages of pictures.

    Every picture gives a message, marked or not. With --expect, the p-value tells: it is the
    probability that an unmarked picture agrees in as many bits. Exits with 1 if some pictures
    could not be read, with 2 if none could.
    """
    pictures = list_pictures(images)
    from edgeseal.runtime import load_detector

    detector = load_detector(model, threads=threads)
    outcomes: list[DetectionOutcome] = []
    found = detector.detect_many(pictures, expect=expect, workers=workers)
    with picture_bar("detecting", len(pictures)) as bar:
        for outcome in found:
            if outcome.error is not None:
                bar.note(f"Error: {outcome.error}")
            outcomes.append(outcome)
            bar.advance()
    failed = sum(outcome.error is not None for outcome in outcomes)
    if as_json:
        results = [outcome.to_json() for outcome in outcomes]
        print_json("detect", {"model": str(model), "results": results, "failed": failed})
    elif failed < len(outcomes):
        _show(outcomes, with_expected=expect is not None)
    exit_after_pictures(failed, len(outcomes))


def _show(outcomes: list[DetectionOutcome], *, with_expected: bool) -> None:
    columns = ("matching", "bit accuracy", "p-value") if with_expected else ()
    table = new_table("picture", "message", *columns, right=columns)
    for outcome in outcomes:
        detection = outcome.detection
        if detection is not None:
            compared = _compared(detection) if with_expected else []
            table.add_row(printable(str(outcome.source)), detection.hex, *compared)
    print_table(table)


def _compared(detection: Detection) -> list[str]:
    matching = f"{detection.matching_bits} of {len(detection.message)}"
    p_value = f"{detection.p_value:.2g}" if detection.p_value else "below 1e-300"
    return [matching, f"{detection.bit_accuracy:.1%}", p_value]
