"""``edgeseal detect``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgeseal.cli._console import new_table, picture_bar, print_json, print_table, printable
from edgeseal.cli._pictures import exit_after_pictures, list_pictures
from edgeseal.errors import UsageError

if TYPE_CHECKING:
    from edgeseal.payload import Reading
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
    fpr: Annotated[
        float | None,
        typer.Option(
            "--fpr",
            metavar="RATE",
            help="Share of unmarked pictures that may be called marked [default: 1e-6].",
        ),
    ] = None,
    raw: Annotated[bool, typer.Option("--raw", help="Look for no payload.")] = False,
    workers: Annotated[
        int, typer.Option("--workers", metavar="N", help="Pictures at the same time.")
    ] = 1,
    threads: Annotated[
        int, typer.Option("--threads", metavar="N", help="Threads per picture.")
    ] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Read the messages of pictures.

    Every picture gives a message, marked or not. A payload (embed --text, --id, --hex, --bits) is
    found without being told: at most a share --fpr of unmarked pictures is called present. For
    other messages give --expect; then the p-value tells: it is the probability that an unmarked
    picture agrees in as many bits. Exits with 1 if some pictures could not be read, with 2 if none
    could.
    """
    if fpr is not None and (raw or expect is not None):
        raise UsageError("--fpr goes with looking for a payload; leave out --raw and --expect")
    pictures = list_pictures(images)
    from edgeseal.runtime import load_detector

    detector = load_detector(model, threads=threads)
    outcomes: list[DetectionOutcome] = []
    rate = None if raw or expect is not None else _rate(detector.info.bits, fpr)
    found = detector.detect_many(pictures, expect=expect, fpr=rate, workers=workers)
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
        _show(outcomes, with_expected=expect is not None, with_payload=rate is not None)
    exit_after_pictures(failed, len(outcomes))


def _rate(bits: int, fpr: float | None) -> float | None:
    """Return the false-positive rate to look for a payload with, or None where there can be none.

    Raises:
        UsageError: a rate was given and there can be none.
    """
    from edgeseal.payload import DEFAULT_FPR, payload_code

    try:
        payload_code(bits)
    except UsageError:
        if fpr is not None:
            raise
        return None
    return DEFAULT_FPR if fpr is None else fpr


def _show(outcomes: list[DetectionOutcome], *, with_expected: bool, with_payload: bool) -> None:
    columns: tuple[str, ...] = ("matching", "bit accuracy", "p-value") if with_expected else ()
    if with_payload:
        columns = ("mark", "payload", "corrected", "p-value")
    table = new_table("picture", "message", *columns, right=columns[-3:])
    for outcome in outcomes:
        detection = outcome.detection
        if detection is not None:
            cells = _compared(detection) if with_expected else []
            if detection.reading is not None:
                cells = _read(detection.reading)
            table.add_row(printable(str(outcome.source)), detection.hex, *cells)
    print_table(table)


def _read(reading: Reading) -> list[str]:
    """Return what was found: a mark beyond reading looks like none, so "absent" means either."""
    if reading.payload is None:
        return [reading.status.value, "", "", _p_value(reading.p_value)]
    value = f"{reading.payload.kind.value} {printable(str(reading.payload))}"
    return [reading.status.value, value, str(reading.corrected_errors), _p_value(reading.p_value)]


def _compared(detection: Detection) -> list[str]:
    matching = f"{detection.matching_bits} of {len(detection.message)}"
    return [matching, f"{detection.bit_accuracy:.1%}", _p_value(detection.p_value or 0.0)]


def _p_value(value: float) -> str:
    return f"{value:.2g}" if value else "below 1e-300"
