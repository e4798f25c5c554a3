"""What a device is asked, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from edgeseal.tflite.workers import Status

__all__ = [
    "COMPILED",
    "BrowserOpen",
    "BrowserRun",
    "BrowserTold",
    "DeviceAnswer",
    "DeviceRequest",
    "Refusal",
    "Sample",
]

COMPILED = "compiled.tflite"
"""What a compiler makes, in the folder of the process that asks it."""

Sample = tuple[NDArray[Any], ...]
"""An array for each input or output of a model's main subgraph, in its order."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Operators that a device does not take, for one reason.

    Attributes:
        kind: of the operators, as the device's compiler spells it.
        reason: in the compiler's own words; empty where it gives none.
        count: number of operators, as far as the compiler lists them one by one.
        numbers: their positions in the main subgraph; empty where the compiler names none.
    """

    kind: str
    reason: str = ""
    count: int = 1
    numbers: tuple[int, ...] = ()

    def __str__(self) -> str:
        return f"{self.count} x {self.kind}" + (f": {self.reason}" if self.reason else "")


@dataclass(frozen=True, slots=True)
class DeviceRequest:
    """A model to compile and, if it is taken whole, to run.

    Attributes:
        model: bytes of a ``.tflite`` file with one function and no signature.
        samples: what to run it on.
        outputs: shape and numpy type of each of its outputs.
    """

    model: bytes
    samples: tuple[Sample, ...]
    outputs: tuple[tuple[tuple[int, ...], str], ...]


@dataclass(frozen=True, slots=True)
class DeviceAnswer:
    """What a device made of a model.

    Attributes:
        status: ``RAN`` if it was taken whole and run, ``PREPARED`` if it was taken and cannot be
            run here, ``REFUSED`` if not all of it was taken.
        message: what else went wrong, in the device's own words.
        refusals: what it does not take.
        pieces: into how many parts the device's share of it falls; 0 where that is not known.
        outputs: for each sample; empty unless it ran.
    """

    status: Status
    message: str = ""
    refusals: tuple[Refusal, ...] = ()
    pieces: int = 0
    outputs: tuple[Sample, ...] = ()


@dataclass(frozen=True, slots=True)
class BrowserOpen:
    """A model for a browser to open, for benchmarks.

    Attributes:
        model: bytes of a ``.tflite`` file.
    """

    model: bytes


@dataclass(frozen=True, slots=True)
class BrowserRun:
    """What a browser is to run the open model on.

    Attributes:
        sample: an array for each input.
        outputs: shape and numpy type of each output.
        seconds: how long, again and again; once if 0.
    """

    sample: Sample
    outputs: tuple[tuple[tuple[int, ...], str], ...]
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class BrowserTold:
    """What a browser said.

    Attributes:
        facts: as ``web/device/device.ts`` names them.
        outputs: of the last run.
        failure: why it cannot, in its own words; empty if it can.
    """

    facts: Mapping[str, Any] = field(default_factory=dict)
    outputs: Sample = ()
    failure: str = ""
