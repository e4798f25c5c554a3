"""``edgeseal detect``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgeseal.cli._shared._console import new_table, note, print_json, print_table
from edgeseal.cli._shared._jsonl import JsonLinesOption, ResumeOption, lines_target
from edgeseal.cli._shared._options import JsonOption, OverwriteOption, ThreadsOption, WorkersOption
from edgeseal.cli._shared._pictures import PicturesArgument, RecursiveOption, exit_after_pictures
from edgeseal.cli._shared._progress import ConsoleProgress

if TYPE_CHECKING:
    from edgeseal import Detection, DetectionResults
    from edgeseal.watermark.video import VideoDetection

__all__ = ["detect"]


def detect(
    sources: PicturesArgument,
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
    workers: WorkersOption = None,
    threads: ThreadsOption = 1,
    recursive: RecursiveOption = True,
    exact: Annotated[
        bool, typer.Option("--exact", help="Decode large JPEG files at full size; slower.")
    ] = False,
    json_lines: JsonLinesOption = None,
    resume: ResumeOption = False,
    overwrite: OverwriteOption = False,
    aggregation: Annotated[
        str | None,
        typer.Option(
            "--aggregation",
            metavar="NAME",
            help="Videos: how frames are averaged: avg, squared_avg, l1norm_avg or l2norm_avg.",
        ),
    ] = None,
    every: Annotated[
        int | None, typer.Option("--every", metavar="N", help="Videos: read one of N frames.")
    ] = None,
    all_frames: Annotated[
        bool, typer.Option("--all-frames", help="Videos: go on when the message is certain.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Read the messages of pictures or videos.

    Every picture gives a message, marked or not. A payload (embed --text, --id, --hex, --bits) is
    found without being told: at most a share --fpr of unmarked pictures is called present. A raw
    message (embed --message) reads as absent: give --expect, and the p-value tells; it is the
    probability that an unmarked picture agrees in as many bits. Without --workers there is one for
    each processor, 8 at most. Exits with 1 if some pictures could not be read, with 2 if none
    could.
    """
    import edgeseal

    found = edgeseal.detect(
        sources,
        model=model,
        expect=expect,
        fpr=fpr,
        raw=raw,
        workers=workers,
        threads=threads,
        recursive=recursive,
        exact=exact,
        json_lines=lines_target(json_lines, as_json=as_json),
        resume=resume,
        overwrite=overwrite,
        aggregation=aggregation,
        every=every,
        all_frames=all_frames,
        progress=ConsoleProgress(),
    )
    if as_json:
        print_json("detect", found.to_json())
    elif found.failed < len(found.results):
        _show(found)
        if not raw:
            _note_unknown(one.detection for one in found.results if one.detection is not None)
    if json_lines is not None and not found.failed:
        note(f"{found.total} of {found.total} {found.kind} read")
    exit_after_pictures(found.failed, found.total, what=found.kind)


def _show(found: DetectionResults) -> None:
    read = [(one, one.detection) for one in found.results if one.detection is not None]
    columns = _columns(read[0][1])  # the same for all
    kind = found.kind.removesuffix("s")
    frames = ("frames",) if kind == "video" else ()
    right = (*frames, *columns[-3:])
    table = new_table(kind, "message", *frames, *columns, right=right, texts=(kind,))
    for one, detection in read:
        video = getattr(one, "video", None)
        counts = [] if video is None else [_frames(video)]
        table.add_row(one.source, detection.hex, *counts, *_cells(detection))
    print_table(table)


def _frames(video: VideoDetection) -> str:
    of_all = "" if video.expected_frames is None else f" of {video.expected_frames}"
    return f"{video.frames}{of_all}"


def _columns(detection: Detection) -> tuple[str, ...]:
    """Return the titles of what :func:`_cells` returns."""
    if detection.reading is not None:
        return ("payload", "content", "corrected", "p-value")
    return ("matching", "bit accuracy", "p-value") if detection.expected is not None else ()


def _cells(detection: Detection) -> list[str]:
    """Return what was found, for a table."""
    reading = detection.reading
    if reading is not None:
        payload = reading.payload
        value = "" if payload is None else f"{payload.kind.value} {payload}"
        corrected = "" if payload is None else str(reading.corrected_errors)
        return [reading.status.value, value, corrected, _p_value(reading.p_value)]
    if detection.expected is None:
        return []
    matching = f"{detection.matching_bits} of {len(detection.message)}"
    return [matching, f"{detection.bit_accuracy:.1%}", _p_value(detection.p_value or 0.0)]


def _note_unknown(detections: Iterable[Detection]) -> None:
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
