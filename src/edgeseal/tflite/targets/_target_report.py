"""What is known about a model on a target."""

from __future__ import annotations

import dataclasses
import enum
from collections import Counter
from dataclasses import dataclass

from edgeseal.tflite.diagnosis import Node

__all__ = ["Basis", "Fallback", "Target", "TargetEstimate", "TargetReport"]


class Target(enum.Enum):
    """What a model is to run on."""

    CPU = "cpu"  # the accelerated delegate of the installed LiteRT
    GPU = "gpu"
    NPU = "npu"
    ETHOS_U85 = "ethos-u85"


class Basis(enum.Enum):
    """How an answer was found."""

    TRIED = "tried with the installed runtime"
    COMPILED = "compiled with the target's own compiler"
    RULES = "published rules, not a measurement"


@dataclass(frozen=True, slots=True)
class Fallback:
    """An operator that the target does not take.

    Attributes:
        node: the operator.
        reason: why, in the compiler's or our own words.
    """

    node: Node
    reason: str


@dataclass(frozen=True, slots=True)
class TargetEstimate:
    """What a compiler expects of a model on its hardware; without what falls back.

    Attributes:
        accelerator: the hardware.
        system: the memory system that was assumed.
        cycles: of one inference.
        latency_ms: of one inference.
        macs: multiply-accumulates of one inference.
        sram_bytes: on-chip memory used.
        dram_bytes: off-chip memory used, weights included.
        weights_bytes: of the weights as the hardware stores them.
    """

    accelerator: str
    system: str
    cycles: int
    latency_ms: float
    macs: int
    sram_bytes: int
    dram_bytes: int
    weights_bytes: int


@dataclass(frozen=True, slots=True)
class TargetReport:
    """A model on a target.

    Attributes:
        target: the target.
        basis: how the answer was found.
        source: with which runtime, compiler or rules.
        operators: number of operators in the model.
        fallbacks: those that the target does not take, in execution order.
        partitions: pieces that the target takes; None where that is not known.
        refusal: why the model does not run at all, in the runtime's own words; empty if it does.
        estimate: what the compiler expects; None without a compiler.
    """

    target: Target
    basis: Basis
    source: str
    operators: int
    fallbacks: tuple[Fallback, ...]
    partitions: int | None = None
    refusal: str = ""
    estimate: TargetEstimate | None = None

    @property
    def is_good(self) -> bool:
        """Whether the target takes every operator."""
        return not self.fallbacks and not self.refusal

    def to_json(self) -> dict[str, object]:
        """Return it for JSON."""
        return {
            "target": self.target.value,
            "basis": self.basis.name.lower(),
            "source": self.source,
            "good": self.is_good,
            "refusal": self.refusal,
            "operators": self.operators,
            "partitions": self.partitions,
            "fallbacks": [
                {
                    "number": found.node.number,
                    "kind": found.node.operator.kind,
                    "module": found.node.module,
                    "outputs": [tensor.name for tensor in found.node.operator.outputs],
                    "reason": found.reason,
                }
                for found in self.fallbacks
            ],
            "estimate": None if self.estimate is None else dataclasses.asdict(self.estimate),
        }

    def __str__(self) -> str:
        taken = self.operators - len(self.fallbacks)
        pieces = f" in {self.partitions} piece{'s' * (self.partitions != 1)}"
        where = pieces if self.partitions else ""
        return (
            f"{self.target.value}: {taken} of {self.operators} operators{where}, "
            f"{len(self.fallbacks)} fall back"
        )

    def groups(self) -> list[tuple[str, str, int]]:
        """Return kinds of operators, reasons and how often they occur, the most frequent first."""
        counts = Counter((found.node.operator.kind, found.reason) for found in self.fallbacks)
        return [(kind, reason, count) for (kind, reason), count in counts.most_common()]
