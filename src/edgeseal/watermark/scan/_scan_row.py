"""What is known of one item of a scan: a row of its output."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgeseal.watermark.runtime import Detection, Message
from edgeseal.watermark.scan._choice import Item
from edgeseal.watermark.video import PartReading, VideoDetection, join_parts

__all__ = ["ERROR", "PRESENT", "PartRow", "ScanRow", "failed_row", "joined_row", "row_of"]

ABSENT = "absent"
ERROR = "error"
PRESENT = "present"
READ = "read"


@dataclass(frozen=True, slots=True)
class ScanRow:
    """One item.

    Attributes:
        source: its name: a path or an address, with the member's name or the row's number behind
            that of an archive.
        verdict: ``present``, ``damaged`` or ``absent``; ``read`` where the model's messages have
            no room for a payload and none was expected; ``error`` if it could not be read.
        kind: kind of the payload, or None.
        content: the payload as text, or None.
        message: the bits read, in hexadecimal form; None after an error.
        corrected_errors: bits of a payload that were read wrong, or None.
        matching_bits: bits as expected, or None.
        p_value: probability that an unmarked item comes as near to a payload, or to the expected
            message; None where neither was looked for.
        log10_p_value: its decimal logarithm, which does not underflow.
        issued_to: label of the nearest issued message in the registry, or None.
        issued_errors: bits in which that differs, or None.
        issued_p_value: bound on the chance that any issued message is as near to a random one.
        seconds: that reading it took, without the wait for its turn.
        error: why it could not be read, or None.
    """

    source: str
    verdict: str
    kind: str | None = None
    content: str | None = None
    message: str | None = None
    corrected_errors: int | None = None
    matching_bits: int | None = None
    p_value: float | None = None
    log10_p_value: float | None = None
    issued_to: str | None = None
    issued_errors: int | None = None
    issued_p_value: float | None = None
    seconds: float = 0.0
    error: str | None = None


@dataclass(frozen=True, slots=True)
class PartRow:
    """One part of a video, which gets a row when all of its parts are there.

    Attributes:
        source: name of the part as an item.
        video: name of the video.
        part: which, from 0 on.
        parts: how many there are.
        frames: number of frames read.
        logits: their mean as float32 [bits], bytes from the lowest on; None after an error.
        is_early: whether reading stopped because the message was certain.
        log10_p_value: of a payload in it.
        seconds: that reading it took.
        error: why it could not be read, or None.
    """

    source: str
    video: str
    part: int
    parts: int
    frames: int = 0
    logits: bytes | None = None
    is_early: bool = False
    log10_p_value: float | None = None
    seconds: float = 0.0
    error: str | None = None

    @classmethod
    def of(
        cls, item: Item, found: VideoDetection | None, *, seconds: float, error: str | None = None
    ) -> PartRow:
        """Return the row of a part of a video."""
        if item.part is None:
            raise ValueError("the item is no part of a video")
        row = cls(
            item.name, item.video, item.part.index, item.part.count, seconds=seconds, error=error
        )
        if found is None:
            return row
        reading = found.detection.reading
        return dataclasses.replace(
            row,
            frames=found.frames,
            logits=found.detection.logits.astype("<f4").tobytes(),
            is_early=found.is_early,
            log10_p_value=None if reading is None else reading.log10_p_value,
        )


def joined_row(rows: Sequence[PartRow], *, expect: Message | None, fpr: float) -> ScanRow:
    """Return the row of a video.

    Args:
        rows: of all of its parts.
        expect: the message that should be there.
        fpr: share of unmarked videos that may be called present.
    """
    source, seconds = rows[0].video, sum(row.seconds for row in rows)
    failed = [row for row in rows if row.logits is None]
    if failed or not any(row.frames for row in rows):
        words = f"part {failed[0].part + 1} of {len(rows)}: {failed[0].error}" if failed else ""
        return ScanRow(source, ERROR, seconds=seconds, error=words or "has no frames")
    readings = [
        PartReading(
            np.frombuffer(row.logits or b"", "<f4"), row.frames, row.is_early, row.log10_p_value
        )
        for row in rows
    ]
    is_payload = expect is None and rows[0].log10_p_value is not None
    rate = fpr if is_payload or expect is not None else None
    found = join_parts(readings, expect=expect, fpr=rate)
    return row_of(source, found, rate=fpr / 2, seconds=seconds)


def row_of(source: str, found: Detection, *, rate: float, seconds: float) -> ScanRow:
    """Return the row of an item that was read.

    Args:
        source: its name.
        found: what was read.
        rate: share of unmarked items that may be called present.
        seconds: that it took.
    """
    reading, payload, p_value, log10_p = found.reading, None, found.p_value, found.log10_p_value
    verdict = READ
    if reading is not None:
        verdict, payload = reading.status.value, reading.payload
        p_value, log10_p = reading.p_value, reading.log10_p_value
    elif p_value is not None:
        verdict = PRESENT if p_value <= rate else ABSENT
    return ScanRow(
        source=source,
        verdict=verdict,
        kind=None if payload is None else payload.kind.value,
        content=None if payload is None else str(payload),
        message=found.hex,
        corrected_errors=None if reading is None else reading.corrected_errors,
        matching_bits=found.matching_bits,
        p_value=p_value,
        log10_p_value=log10_p,
        seconds=seconds,
    )


def failed_row(item: Item, error: str, *, seconds: float = 0.0) -> ScanRow | PartRow:
    """Return the row of an item that could not be read."""
    if item.part is None:
        return ScanRow(item.name, ERROR, seconds=seconds, error=error)
    return PartRow.of(item, None, seconds=seconds, error=error)
