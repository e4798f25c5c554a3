"""What devices made of a model."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgeseal.tflite.devices._rightness import MOST_NSR
from edgeseal.tflite.devices._trial import Refusal
from edgeseal.tflite.metrics import TensorError

__all__ = ["DeviceReport", "DeviceResult", "Verdict", "WrongOperator"]

_SHOWN = 8  # refusals and operators of a device
_WORTH = 0.5  # of the error before: what is no better than that is no better


class Verdict(enum.Enum):
    """What a device made of a model."""

    RIGHT = "right"  # taken whole, and computes what a processor computes
    TAKEN = "taken whole"  # by a compiler, with nothing that runs it here
    WRONG = "wrong"  # taken whole, and computes something else
    REFUSED = "not taken whole"
    FAILED = "failed"  # crashed, hung, or taken without an answer


@dataclass(frozen=True, slots=True)
class WrongOperator:
    """An operator that a device takes and computes wrong.

    Attributes:
        code: of the finding; ``edgeseal check --codes`` explains it.
        number: its position in the main subgraph.
        kind: such as ``ADD``.
        name: of its first result.
        error: against the processor's kernel, on the same values.
    """

    code: str
    number: int
    kind: str
    name: str
    error: TensorError

    def __str__(self) -> str:
        return f"{self.code} node {self.number} {self.kind} ({self.name}): NSR {self.error}"


@dataclass(frozen=True, slots=True)
class DeviceResult:
    """What one device made of a model.

    Attributes:
        device: its name.
        title: what really ran.
        verdict: in a word.
        message: the device's own words, where something went wrong beyond refusals.
        operators: of the main subgraph.
        refusals: what it does not take.
        pieces: into how many parts its share of the model falls; 0 where that is not known.
        error: of the worst output of the whole model, against the processor; None if not run.
        signs: share of outputs of equal sign; None if not run, or all have one sign.
        tried: operators that were tried one by one.
        wrong: those that are taken and wrong.
        at_fault: positions of operators that are refused or wrong, as far as known.
        float_errors: of the output that is farthest from a float model, of the device and of the
            processor; None if not run, or without such a model.
    """

    device: str
    title: str
    verdict: Verdict
    message: str
    operators: int
    refusals: tuple[Refusal, ...]
    pieces: int
    error: TensorError | None
    signs: float | None
    tried: int
    wrong: tuple[WrongOperator, ...]
    at_fault: tuple[int, ...] = ()
    float_errors: tuple[TensorError, TensorError] | None = None

    @property
    def is_good(self) -> bool:
        """Whether it is taken whole and, where it can be run, right, operator by operator too."""
        return self.verdict in (Verdict.RIGHT, Verdict.TAKEN)

    @property
    def refused(self) -> int:
        """Number of operators that are not taken, as far as the device lists them."""
        return sum(refusal.count for refusal in self.refusals)

    @property
    def faults(self) -> tuple[int, int, int, int]:
        """Numbers that are smaller, one after the other, the better the verdict is."""
        is_failed = self.verdict is Verdict.FAILED
        refused = self.refused or int(self.verdict is Verdict.REFUSED)
        return int(is_failed), refused, self.pieces, len(self.wrong)

    def is_better_than(self, other: DeviceResult) -> bool:
        """Whether all is right, or fewer operators are refused or wrong, or the pieces are fewer.

        Between two that are not right, half the error is better, too.
        """
        if self.is_good != other.is_good:
            return self.is_good
        if self.faults != other.faults:
            return self.faults < other.faults
        if self.is_good or self.error is None or other.error is None:
            return False
        return self.error.severity < _WORTH * other.error.severity

    @property
    def summary(self) -> str:
        """The verdict in a line."""
        wrong = f", {len(self.wrong)} of {self.tried} operators wrong" if self.tried else ""
        error = "" if self.error is None else f", NSR {self.error}"
        return f"{self.verdict.value}, {self.refused} refused{wrong}{error}"

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        yield f"{self.device}: {self.verdict.value} ({self.title})"
        if self.refusals or self.pieces:
            pieces = f", in {self.pieces} piece{'s' * (self.pieces != 1)}" if self.pieces else ""
            yield f"  {self.refused} of {self.operators} operators refused{pieces}"
        if self.error is not None:
            signs = "" if self.signs is None else f", signs {self.signs:.4f}"
            limit = f"limit {MOST_NSR:g}"
            yield f"  whole model against the processor: NSR {self.error} ({limit}){signs}"
        if self.float_errors is not None:
            here, own = self.float_errors
            yield f"  against the float model: NSR {here}, the processor's own {own}"
        if self.tried:
            yield f"  {len(self.wrong)} of {self.tried} operators wrong, each on its own values"
        for line in [*map(str, self.wrong), *map(str, self.refusals)][:_SHOWN]:
            yield f"    {line}"
        rest = len(self.wrong) + len(self.refusals) - _SHOWN
        if rest > 0:
            yield f"    and {rest} more; --json lists them all"
        if self.message:
            yield f"  says: {' '.join(self.message.split())}"

    def to_json(self) -> dict[str, Any]:
        """Return what it holds as JSON has it."""
        return {
            "device": self.device,
            "title": self.title,
            "verdict": self.verdict.value,
            "message": self.message,
            "operators": self.operators,
            "pieces": self.pieces,
            "nsr": None if self.error is None else self.error.nsr,
            "signs": self.signs,
            "float_nsr": None if self.float_errors is None else self.float_errors[0].nsr,
            "processor_float_nsr": None if self.float_errors is None else self.float_errors[1].nsr,
            "refusals": [
                {"kind": r.kind, "reason": r.reason, "count": r.count, "numbers": [*r.numbers]}
                for r in self.refusals
            ],
            "tried": self.tried,
            "at_fault": [*self.at_fault],
            "wrong": [
                {
                    "code": w.code,
                    "number": w.number,
                    "kind": w.kind,
                    "name": w.name,
                    "nsr": w.error.nsr,
                    "max_abs": w.error.max_abs,
                    "not_finite": w.error.not_finite,
                }
                for w in self.wrong
            ],
        }


@dataclass(frozen=True, slots=True)
class DeviceReport:
    """What devices made of a model.

    Attributes:
        path: the file.
        results: one for each device, in the order asked for.
    """

    path: Path
    results: tuple[DeviceResult, ...]

    @property
    def is_good(self) -> bool:
        """Whether every device takes the model whole and, as far as it runs here, right."""
        return all(result.is_good for result in self.results)

    def __str__(self) -> str:
        return "\n\n".join(map(str, self.results))

    def to_json(self) -> dict[str, Any]:
        """Return what it holds as JSON has it."""
        return {
            "path": str(self.path),
            "good": self.is_good,
            "devices": [result.to_json() for result in self.results],
        }
