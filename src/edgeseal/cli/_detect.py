"""``edgeseal detect``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgeseal._files import check_apart
from edgeseal.cli._shared._console import (
    new_table,
    note,
    picture_bar,
    print_json,
    print_table,
    printable,
)
from edgeseal.cli._shared._jsonl import JsonLines, JsonLinesOption, Lines, ResumeOption
from edgeseal.cli._shared._options import JsonOption
from edgeseal.cli._shared._pictures import (
    PicturesArgument,
    RecursiveOption,
    exit_after_pictures,
    note_done,
)
from edgeseal.cli._videos import (
    AggregationOption,
    AllFramesOption,
    EveryOption,
    VideoDetect,
    list_inputs,
)
from edgeseal.errors import UsageError

if TYPE_CHECKING:
    from edgeseal.watermark.runtime import Detection, DetectionOutcome

__all__ = ["detect"]


def detect(
    images: PicturesArgument,
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
        int | None,
        typer.Option(
            "--workers",
            metavar="N",
            help="Pictures at the same time [default: one for each processor, 8 at most].",
        ),
    ] = None,
    threads: Annotated[
        int, typer.Option("--threads", metavar="N", help="Threads per picture.")
    ] = 1,
    recursive: RecursiveOption = True,
    exact: Annotated[
        bool, typer.Option("--exact", help="Decode large JPEG files at full size; slower.")
    ] = False,
    json_lines: JsonLinesOption = None,
    resume: ResumeOption = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the file of --jsonl.")
    ] = False,
    aggregation: AggregationOption = None,
    every: EveryOption = None,
    all_frames: AllFramesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Read the messages of pictures or videos.

    Every picture gives a message, marked or not. A payload (embed --text, --id, --hex, --bits) is
    found without being told: at most a share --fpr of unmarked pictures is called present. A raw
    message (embed --message) reads as absent: give --expect, and the p-value tells; it is the
    probability that an unmarked picture agrees in as many bits. Exits with 1 if some pictures could
    not be read, with 2 if none could.
    """
    if fpr is not None and (raw or expect is not None):
        raise UsageError("--fpr goes with looking for a payload; leave out --raw and --expect")
    for_videos = {"--aggregation": aggregation, "--every": every, "--all-frames": all_frames}
    lines = Lines.of(json_lines, resume=resume, overwrite=overwrite, as_json=as_json)
    sources, are_videos = list_inputs(
        images, recursive=recursive, for_videos=for_videos, for_pictures={"--exact": exact}
    )
    from edgeseal.pictures import list_files

    check_apart([model, *list_files(images), *sources], [lines.file])
    if are_videos:
        VideoDetect(
            model=model,
            expect=expect,
            fpr=fpr,
            raw=raw,
            aggregation=aggregation,
            every=every,
            all_frames=all_frames,
            workers=workers,
            threads=threads,
            lines=lines,
            as_json=as_json,
        ).run(sources)
        return
    from edgeseal.watermark.runtime import load_detector, to_message

    detector = load_detector(model, threads=threads, exact=exact)
    rate = None if raw or expect is not None else payload_rate(detector.info.bits, fpr)
    expected = None if expect is None else to_message(expect, detector.info.bits)
    settings = {
        "expect": None if expected is None else expected.hex,
        "fpr": rate,
        "exact": exact,
    }
    head = lines.head("detect", model, settings)
    done = lines.done(head)
    left = [path for path in sources if str(path) not in done]
    note_done(len(sources) - len(left), len(sources))
    with lines.open(head) as file:
        found = detector.detect_many(left, expect=expected, fpr=rate, workers=workers)
        outcomes, failed = _collect(found, len(left), file)
    if as_json:
        results = [outcome.to_json() for outcome in outcomes]
        print_json("detect", {"model": str(model), "results": results, "failed": failed})
    elif outcomes and failed < len(outcomes):
        _show(outcomes)
        if not raw:
            note_unknown(o.detection for o in outcomes if o.detection is not None)
    exit_after_pictures(failed, len(left))


def _collect(
    found: Iterator[DetectionOutcome], count: int, lines: JsonLines | None
) -> tuple[list[DetectionOutcome], int]:
    """Return the outcomes, unless they are written as lines, and the number of failures."""
    outcomes: list[DetectionOutcome] = []
    failed = 0
    with picture_bar("detecting", count) as advance:
        for outcome in found:
            if outcome.error is not None:
                failed += 1
                note(f"Error: {outcome.error}")
            if lines is None:
                outcomes.append(outcome)
            else:
                lines.write(outcome.to_json())
            advance()
    return outcomes, failed


def payload_rate(bits: int, fpr: float | None) -> float | None:
    """Return the false-positive rate to look for a payload with, or None where there can be none.

    Raises:
        UsageError: a rate was given and there can be none.
    """
    from edgeseal.watermark.payload import DEFAULT_FPR, payload_code

    try:
        payload_code(bits)
    except UsageError:
        if fpr is not None:
            raise
        return None
    return DEFAULT_FPR if fpr is None else fpr


def _show(outcomes: list[DetectionOutcome]) -> None:
    found = [(o.source, o.detection) for o in outcomes if o.detection is not None]
    columns = detection_columns(found[0][1])  # the same for all
    table = new_table("picture", "message", *columns, right=columns[-3:], texts=("picture",))
    for source, detection in found:
        table.add_row(printable(str(source)), detection.hex, *detection_cells(detection))
    print_table(table)


def detection_columns(detection: Detection) -> tuple[str, ...]:
    """Return the titles of what :func:`detection_cells` returns."""
    if detection.reading is not None:
        return ("payload", "content", "corrected", "p-value")
    return ("matching", "bit accuracy", "p-value") if detection.expected is not None else ()


def detection_cells(detection: Detection) -> list[str]:
    """Return what was found, for a table."""
    reading = detection.reading
    if reading is not None:
        payload = reading.payload
        value = "" if payload is None else f"{payload.kind.value} {printable(str(payload))}"
        corrected = "" if payload is None else str(reading.corrected_errors)
        return [reading.status.value, value, corrected, _p_value(reading.p_value)]
    if detection.expected is None:
        return []
    matching = f"{detection.matching_bits} of {len(detection.message)}"
    return [matching, f"{detection.bit_accuracy:.1%}", _p_value(detection.p_value or 0.0)]


def note_unknown(detections: Iterable[Detection]) -> None:
    """Say what was looked for, where nothing was found that tells of a mark."""
    from edgeseal.watermark.payload import MarkStatus

    unknown = [one for one in detections if one.expected is None]
    readings = [one.reading for one in unknown if one.reading is not None]
    if len(readings) < len(unknown):
        bits = len(unknown[0].message)
        note(
            f"{bits} bits have no room for a payload, and every picture gives a message, marked or "
            "not: --expect HEX says whether one is there"
        )
    found = {reading.status for reading in readings}
    if MarkStatus.DAMAGED in found:
        note("damaged: nearer to a payload than chance explains, but too many bits are wrong")
    if MarkStatus.ABSENT in found:
        note(
            "absent: no payload (embed --text, --id, --hex or --bits) was found; a raw message "
            "(embed --message, or another program's) shows only with --expect HEX"
        )


def _p_value(value: float) -> str:
    return f"{value:.2g}" if value else "below 1e-300"
