"""What is known of one item of a scan: a row of its output."""

from __future__ import annotations

from dataclasses import dataclass

from edgeseal.watermark.runtime import Detection

__all__ = ["ERROR", "PRESENT", "ScanRow", "failed_row", "row_of"]

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


def failed_row(source: str, error: str, *, seconds: float = 0.0) -> ScanRow:
    """Return the row of an item that could not be read."""
    return ScanRow(source, ERROR, seconds=seconds, error=error)
