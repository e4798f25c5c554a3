"""What LiteRT made of a model that it was given to try."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

__all__ = ["Outcome", "Request", "Status"]


class Status(enum.Enum):
    """How far a trial came."""

    PREPARED = "prepared"  # tensors allocated; running was not asked for
    RAN = "ran"
    REFUSED = "refused"  # LiteRT cannot load or prepare it
    FAILED = "failed"  # prepared, but a kernel gave up while running
    CRASHED = "crashed"  # the process ended in native code
    TIMED_OUT = "timed out"
    NOT_TRIED = "not tried"  # it needs more memory than a trial may use


@dataclass(frozen=True, slots=True)
class Request:
    """A trial for the worker process.

    Attributes:
        model: the bytes of a ``.tflite`` file, or the path of one.
        inputs: an array for each input of the main subgraph, in its order; None to prepare only.
        with_delegate: let LiteRT use its default accelerated delegate.
        repeats: timed runs after the first.
        output_limit_bytes: results larger than this in total count as a failure.
        threads: that LiteRT may use.
    """

    model: bytes | bytearray | Path
    inputs: tuple[NDArray[Any], ...] | None = None
    with_delegate: bool = True
    repeats: int = 0
    output_limit_bytes: int = 2**31
    threads: int = 1


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a trial.

    Attributes:
        status: how far it came.
        message: the kernel's or the operating system's own words; empty where nothing went wrong.
        outputs: an array for each output of the main subgraph; empty unless it ran.
        delegated: partitions that the accelerated delegate took; 0 where it took nothing.
        latencies_ms: of each timed run.
        processor_ms: time that the processor spent on each timed run, over all threads; without
            the moments in which other programs had it.
        delegated_nodes: numbers of the main subgraph's operators that are in those partitions.
    """

    status: Status
    message: str = ""
    outputs: tuple[NDArray[Any], ...] = ()
    delegated: int = 0
    latencies_ms: tuple[float, ...] = ()
    processor_ms: tuple[float, ...] = ()
    delegated_nodes: tuple[int, ...] = ()

    @property
    def is_prepared(self) -> bool:
        """Whether LiteRT could load and prepare the model."""
        return self.status in (Status.PREPARED, Status.RAN, Status.FAILED)

    @property
    def is_broken(self) -> bool:
        """Whether it was tried and anything went wrong."""
        return self.status not in (Status.PREPARED, Status.RAN, Status.NOT_TRIED)
