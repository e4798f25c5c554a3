"""What was found where a payload may be."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any

from edgeseal.watermark.payload._payload import Payload

__all__ = ["MarkStatus", "PayloadReading"]


class MarkStatus(enum.Enum):
    """Whether a payload is there; the value is its name in JSON."""

    PRESENT = "present"
    DAMAGED = "damaged"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True, kw_only=True)
class PayloadReading:
    """A payload, or the evidence that was too weak for one.

    Attributes:
        status: ``present``: at most a share ``fpr`` of unmarked pictures gives that. ``damaged``:
            something near a valid payload, but not near enough to believe it; at most 1 in 1000
            unmarked pictures gives that or more. ``absent``: no more than chance gives. No reader
            can tell a picture without a mark from one whose mark is beyond reading, and a message
            that was not made from a payload reads as absent.
        fpr: the false-positive rate asked for.
        log10_p_value: decimal logarithm of a bound on the chance that an unmarked picture comes as
            near to any valid payload; at most 0.
        payload: what was embedded; None unless present.
        corrected_errors: bits read wrong; None unless present. May exceed ``correctable_errors``
            where the detector was unsure of the wrong ones.
        correctable_errors: wrong bits that are corrected wherever they are.
    """

    status: MarkStatus
    fpr: float
    log10_p_value: float
    payload: Payload | None
    corrected_errors: int | None
    correctable_errors: int

    @property
    def p_value(self) -> float:
        """The bound itself; 0.0 below 5e-324."""
        return float(10.0**self.log10_p_value)

    def to_json(self) -> dict[str, Any]:
        """Return the reading for ``json.dumps``."""
        return {
            "status": self.status.value,
            "payload": None if self.payload is None else self.payload.to_json(),
            "corrected_errors": self.corrected_errors,
            "correctable_errors": self.correctable_errors,
            "p_value": self.p_value,
            "log10_p_value": self.log10_p_value,
            "false_positive_rate": self.fpr,
        }
